"""What happens here that others may want to hear of; who listens knows us, we do not know them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.dispatch import Signal
from django.utils import timezone

from admin_models.models import Environment
from chat.cloudbase.errors import CloudBaseError
from chat.cloudbase.events import Usage


@dataclass(frozen=True, slots=True)
class TestCall:
    """One request to a model, made to see whether it answers. It costs what it costs."""

    __test__ = False

    model: str
    usage: Usage | None
    """As the service reported it."""
    seconds: float
    error: CloudBaseError | None = None
    first_word: float | None = None
    """Seconds until it; None if there was none, or if nobody looked."""
    answered_model: str = ""
    ended_at: datetime = field(default_factory=timezone.now)


called: Final = Signal()
"""Test calls were made. Sent with `actor_pk` (None: the command line), `environment`, `group` (its
name, perhaps of one that is not saved) and `calls`."""


def tell_called(
    actor_pk: int | None, environment: Environment, group: str, calls: Sequence[TestCall]
) -> None:
    """Tell that test calls were made. What listeners raise is logged: it spoils no test."""
    if calls:
        called.send_robust(
            Environment, actor_pk=actor_pk, environment=environment, group=group, calls=calls
        )
