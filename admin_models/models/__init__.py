"""Tables of what can be used."""

from .environments import Environment
from .groups import AIModel, GroupStatus, ModelGroup
from .observations import Observation
from .packs import PackStatus, TokenPack

__all__ = [
    "AIModel",
    "Environment",
    "GroupStatus",
    "ModelGroup",
    "Observation",
    "PackStatus",
    "TokenPack",
]
