"""What steps and states are called, and how old something is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from admin_models.preflight.checks import Check, State, Step
from chat.cloudbase import errors

STEPS: Final[Mapping[Step, Promise]] = {
    Step.CONNECTION: _("Set up"),
    Step.GROWTH_PLAN: _("Growth plan"),
    Step.CHANNEL: _("Calls by plain HTTP"),
    Step.TOKEN_PACK: _("Token pack"),
    Step.RESOURCE_PLAN: _("Resource-point plan"),
    Step.GROUP_EXISTS: _("Group exists"),
    Step.GROUP_ON: _("Group is on"),
    Step.MODEL_LISTED: _("Model is on"),
    Step.CALL: _("Real call"),
}
STATES: Final[Mapping[State, Promise]] = {
    State.OK: pgettext_lazy("state of a check", "ok"),
    State.NOT_OK: pgettext_lazy("state of a check", "not ok"),
    State.UNKNOWN: pgettext_lazy("state of a check", "unknown"),
    State.SKIPPED: pgettext_lazy("state of a check", "skipped"),
    State.WAITING: pgettext_lazy("state of a check", "waiting"),
}
PLACE: Final = re.compile(r"%\(\w+\)[ds]")
"""Of a sentence, where a word or a number goes."""
READINESS: Final[Mapping[State, Promise]] = {
    State.OK: _("Ready"),
    State.NOT_OK: _("Not ready"),
    State.UNKNOWN: _("Not known"),
    State.SKIPPED: _("Not known"),
    State.WAITING: _("Being checked"),
}


def sentence_of(check: Check) -> str:
    """What a check says, in the language that is active."""
    return filled(check.sentence, check.params)


def filled(sentence: str, params: Mapping[str, Any]) -> str:
    """A marked sentence translated, with its places filled."""
    return gettext(sentence) % params


def said_by(code: str, params: Mapping[str, Any]) -> str:
    """The sentence of an error that is known by its code."""
    return filled(errors.user_message_for(code), params)


def said_of(code: str) -> str:
    """The sentence of errors of which nobody knows any more what else was told: that stays open."""
    return PLACE.sub("…", gettext(errors.user_message_for(code))) % {}


def age_of(at: datetime | None) -> str:
    """How long ago something was, in one unit; empty if it never was."""
    if at is None:
        return ""
    seconds = max(0, int((timezone.now() - at).total_seconds()))
    if seconds < 60:
        return gettext("just now")
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return ngettext("%(n)d day ago", "%(n)d days ago", days) % {"n": days}
    if hours:
        return ngettext("%(n)d hour ago", "%(n)d hours ago", hours) % {"n": hours}
    return ngettext("%(n)d minute ago", "%(n)d minutes ago", minutes) % {"n": minutes}
