"""Tables of what can be used, by whom, at what price, and who changed it."""

from .abilities import ModelAbilities
from .audit import AuditEntry
from .environments import Environment
from .groups import AIModel, GroupStatus, ModelGroup
from .lists import ListLock, ListVersion
from .observations import Observation
from .packs import PackStatus, TokenPack
from .people import Team
from .prices import Price, Tier

__all__ = [
    "AIModel",
    "AuditEntry",
    "Environment",
    "GroupStatus",
    "ListLock",
    "ListVersion",
    "ModelAbilities",
    "ModelGroup",
    "Observation",
    "PackStatus",
    "Price",
    "Team",
    "Tier",
    "TokenPack",
]
