"""The job that clears counters of limits away whose periods are long over."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from chat.limits import holds
from chat.operations.jobs import Job, in_database


async def _clear() -> None:
    await in_database(holds.forget_old)()


JOB: Final = Job("old_counters", timedelta(days=1), _clear)
