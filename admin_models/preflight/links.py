"""Pages of the vendor's to send a person to (CloudBase AI, guidance on a miss)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

ENROLMENT: Final = "https://docs.cloudbase.net/ai/ai-inspire-plan"


def purchase(env_id: str) -> str:
    """Where a token pack for the environment is bought."""
    query = urlencode({"buyType": "resPack", "envId": env_id, "resourceType": "token"})
    return f"https://buy.cloud.tencent.com/lowcode?{query}"


def console(env_id: str) -> str:
    """The environment's AI page in the vendor's console."""
    return f"https://tcb.cloud.tencent.com/dev?{urlencode({'envId': env_id})}#/ai"
