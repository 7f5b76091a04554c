"""What can come in the way of changing a group of models.

GroupChangeFailed
├── GroupBusy                    somebody else is changing it
├── NoSuchGroup, GroupNotCustom
├── ModelNotInCatalogue, PriceChanged, CurrencyUnknown
├── ListConflict                 others changed the same models, differently
├── AlreadyUndone
├── ChangeNotKept                accepted, and yet not there
└── AnswerMissing                it broke off; it was read again, and this is what is known
    ├── NothingChanged, ChangedOtherwise
    └── ChangeNotKnown, ChangeNotVerified, KeyNotKnown
"""

from __future__ import annotations

from typing import Any, ClassVar

from admin_models.model_lists import Conflict, Difference
from chat.cloudbase.control_plane import AIModelGroup
from chat.cloudbase.errors import CloudBaseError, FixableBy, Stage, _

_MOST_NAMES = 5
"""So many models a sentence names."""


class GroupChangeFailed(CloudBaseError):
    """`current` is the group as it was read last, None if it was not read or is not there."""

    code = "group_change_failed"
    stage: ClassVar[Stage] = "request"
    fixable_by: ClassVar[FixableBy] = "admin"
    user_message = _("The group %(group)s could not be changed.")

    def __init__(self, group: str, current: AIModelGroup | None = None, **params: Any) -> None:
        super().__init__(group=group, **params)
        self.current = current


class GroupBusy(GroupChangeFailed):
    code = "group_busy"
    is_retryable = True
    user_message = _(
        "Somebody else is changing the group %(group)s. Nothing was changed; please try again in "
        "a minute."
    )


class NoSuchGroup(GroupChangeFailed):
    code = "group_change_no_such_group"
    user_message = _("The environment has no group %(group)s.")


class GroupNotCustom(GroupChangeFailed):
    code = "group_not_custom"
    user_message = _(
        "The group %(group)s belongs to the environment; only custom groups are created and "
        "deleted. It can be switched off."
    )


class ModelNotInCatalogue(GroupChangeFailed):
    code = "model_not_in_catalogue"
    user_message = _(
        "The catalogue of the environment has no model %(model)s; capital letters count."
    )


class PriceChanged(GroupChangeFailed):
    code = "price_changed"
    user_message = _(
        "The price of %(model)s has changed meanwhile. Look at it again before you confirm."
    )


class CurrencyUnknown(GroupChangeFailed):
    code = "price_currency_unknown"
    user_message = _("%(currency)s is no currency; write its three letters, for example CNY.")


class ListConflict(GroupChangeFailed):
    """`theirs` and `yours` are what both changed since the list was looked at."""

    code = "list_conflict"
    user_message = _(
        "Somebody else changed the same models of %(group)s meanwhile: %(models)s. Nothing was "
        "overwritten; look at both changes and decide."
    )

    def __init__(self, group: str, current: AIModelGroup, conflict: Conflict) -> None:
        super().__init__(group, current, models=_named(conflict.names))
        self.names: tuple[str, ...] = conflict.names
        self.theirs: Difference = conflict.theirs
        self.yours: Difference = conflict.yours


class AlreadyUndone(GroupChangeFailed):
    code = "change_already_undone"
    user_message = _("This change of %(group)s was undone before.")


class ChangeNotKept(GroupChangeFailed):
    code = "change_not_kept"
    is_retryable = True
    user_message = _(
        "The environment accepted the change of %(group)s, but when it was read again it said "
        "something else. Look at what it lists now."
    )


class AnswerMissing(GroupChangeFailed):
    """A change broke off, and the environment was read again."""

    code = "change_answer_missing"
    is_retryable = True
    user_message = _("The environment gave no answer to the change of %(group)s.")


class NothingChanged(AnswerMissing):
    code = "change_not_made"
    user_message = _(
        "The environment gave no answer. It was read again: %(group)s is as it was. Look once more "
        "before you repeat the change, as it may still be under way."
    )


class ChangedOtherwise(AnswerMissing):
    code = "change_made_otherwise"
    user_message = _(
        "The environment gave no answer. It was read again: %(group)s is neither as it was nor as "
        "it was to become. Look at what it lists now."
    )


class ChangeNotKnown(AnswerMissing):
    code = "change_not_known"
    user_message = _(
        "The environment gave no answer and cannot be read either. Nobody knows yet whether "
        "%(group)s was changed; look again in a moment."
    )


class ChangeNotVerified(AnswerMissing):
    code = "change_not_verified"
    user_message = _(
        "The environment accepted the change of %(group)s, but cannot be read again. Look in a "
        "moment whether it is as it was to become."
    )


class KeyNotKnown(AnswerMissing):
    code = "change_of_key_not_known"
    user_message = _(
        "The environment gave no answer. A key cannot be read, so nobody knows whether %(group)s "
        "has the new one. Enter it again."
    )


def _named(names: tuple[str, ...]) -> str:
    more = ", …" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
