"""What of ours is in the file of the configuration (admin_models.configuration.sections).

limits      what may be used
"""

from admin_models.configuration import sections

from . import limits


def register() -> None:
    """Put all of it in the file."""
    sections.register(limits.Limits())
