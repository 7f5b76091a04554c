"""Tables of what can be used."""

from .environments import Environment
from .groups import AIModel, GroupStatus, ModelGroup

__all__ = ["AIModel", "Environment", "GroupStatus", "ModelGroup"]
