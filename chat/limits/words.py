"""Limits in the words of whoever reads: what is limited, for whom, and when it starts anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import Any

from django.utils import dateformat, timezone
from django.utils.translation import gettext, ngettext

from admin_models.showing.figures import grouped
from chat.models import Limit


@dataclass(frozen=True, slots=True)
class Facts:
    """What is said of a limit, as JSON holds it: an answer keeps by which one it was refused."""

    measure: str
    amount: str
    currency: str = ""
    period: str = ""
    is_each: bool = False
    person: str = ""
    team: str = ""
    model: str = ""
    environment: str = ""

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def facts_of(limit: Limit) -> Facts:
    """Of a limit with what it names loaded."""
    is_of_a_team = limit.team is not None and not limit.team.is_everyone
    return Facts(
        measure=limit.measure,
        amount=str(limit.amount),
        currency=limit.currency,
        period=limit.period,
        is_each=limit.is_each,
        person=limit.person.get_username() if limit.person else "",
        team=limit.team.name if limit.team and is_of_a_team else "",
        model=str(limit.model or ""),
        environment=str(limit.environment or ""),
    )


def phrase(facts: Facts) -> str:
    """For example "10 messages a day for each person with the model m"."""
    pieces = [_how_much(facts), _for_whom(facts)]
    if facts.model:
        pieces.append(gettext("with the model %(model)s") % {"model": facts.model})
    if facts.environment:
        words = {"environment": facts.environment}
        pieces.append(gettext("in the environment %(environment)s") % words)
    return reduce(_joined, pieces)


def renamed(phrase: str, name: str, new_name: str) -> str:
    """The English phrase of a limit that is for a person, under another name of theirs."""
    ends = "$| with the model | in the environment "
    return re.sub(
        f" for {re.escape(name)}(?={ends})", lambda _: f" for {new_name}", phrase, count=1
    )


def told(stored: Mapping[str, Any] | None) -> dict[str, str]:
    """The places that a stored refusal by a limit fills in its sentence, in the language that is
    active; none for anything else."""
    return {"limit": phrase(Facts(**stored))} if stored else {}


def amount(facts: Facts, number: Decimal | int) -> str:
    """So much of what a limit counts, with its unit."""
    words = {"n": grouped(number), "currency": facts.currency}
    match facts.measure:
        case Limit.Measure.MONEY:
            return gettext("%(n)s %(currency)s") % words
        case Limit.Measure.TOKENS:
            return ngettext("%(n)s token", "%(n)s tokens", int(number)) % words
        case Limit.Measure.MESSAGES:
            return ngettext("%(n)s message", "%(n)s messages", int(number)) % words
    return ngettext("%(n)s answer at once", "%(n)s answers at once", int(number)) % words


def moment(when: datetime) -> str:
    """A moment to come, in the time of this installation: the hour, and the day if it is another
    one than today."""
    local = timezone.localtime(when)
    is_later = local.date() > timezone.localdate()
    return dateformat.format(local, "Y-m-d H:i T" if is_later else "H:i T")


def _joined(some: str, more: str) -> str:
    return gettext("%(some)s %(more)s") % {"some": some, "more": more}


def _how_much(facts: Facts) -> str:
    words = {"amount": amount(facts, Decimal(facts.amount))}
    match facts.period:
        case Limit.Period.HOUR:
            return gettext("%(amount)s an hour") % words
        case Limit.Period.DAY:
            return gettext("%(amount)s a day") % words
        case Limit.Period.MONTH:
            return gettext("%(amount)s a month") % words
    return words["amount"]


def _for_whom(facts: Facts) -> str:
    words = {"person": facts.person, "team": facts.team}
    if facts.person:
        return gettext("for %(person)s") % words
    if facts.team and facts.is_each:
        return gettext("for each person of the team %(team)s") % words
    if facts.team:
        return gettext("for the team %(team)s together") % words
    return gettext("for each person") if facts.is_each else gettext("for everybody together")
