"""What recipients are told, in the language of the rule: no names of people, no texts, no keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from chat.models import AlertDelivery, AlertRule
from chat.operations.alerts import kinds
from chat.operations.alerts.kinds import Measure
from chat.operations.alerts.readings import Reading
from chat.operations.links import Links
from chat.operations.numbers import money, rounded

Event = AlertDelivery.Event
Notice = dict[str, Any]
"""What is posted as JSON, and what a mail is made of; docs/operations.md has its members."""

_TITLES: Final[Mapping[str, Promise]] = {
    Event.BEGAN: _("Alert: %(name)s"),
    Event.REMINDER: _("Still so: %(name)s"),
    Event.ENDED: _("Over: %(name)s"),
    Event.TEST: _("Test of alerts: %(name)s"),
}
_SENTENCES: Final[Mapping[str, Promise]] = {
    Measure.ERRORS: _(
        "%(value)s of %(requests)s requests in the last %(window)s ended in an error; "
        "the threshold is %(threshold)s."
    ),
    Measure.FIRST_TOKEN: _(
        "Of %(requests)s requests in the last %(window)s, one in twenty waited longer than "
        "%(value)s for its first token; the threshold is %(threshold)s."
    ),
    Measure.LIMIT: _(
        "Of a limit (%(label)s), %(value)s are used up; the threshold is %(threshold)s."
    ),
    Measure.COST: _("The last %(window)s cost %(value)s; the threshold is %(threshold)s."),
    Measure.READINESS: _("%(label)s: models that were ready are not any more: %(names)s."),
    Measure.DISK: _(
        "%(value)s of the disk are used, %(label)s are free; the threshold is %(threshold)s."
    ),
    Measure.JOB: _("The job %(label)s failed %(value)s times in a row (%(names)s)."),
    Measure.TOTALS: _(
        "%(value)s sums of the last seven days differ from the rows of the ledger. "
        "manage.py rebuild_totals counts them anew."
    ),
}
_PAGES: Final[Mapping[str, str]] = {
    Measure.LIMIT: "limits",
    Measure.READINESS: "environments",
    Measure.DISK: "housekeeping",
    Measure.JOB: "alerts",
}
"""Where to look; all else is on the dashboard."""
_STUCK: Final = _("The job %(label)s is stuck: it began and was not heard of since.")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule saw and what it said then, as an alert keeps it."""

    rule: int
    name: str
    measure: str
    language: str
    value: float | None
    threshold: float
    currency: str
    requests: int | None
    window_minutes: int
    env_id: str
    model_name: str
    subject: str
    label: str
    names: tuple[str, ...]
    is_stuck: bool

    @classmethod
    def of(cls, rule: AlertRule, reading: Reading) -> Self:
        """Of a rule and what it saw."""
        return cls(
            rule=rule.pk,
            name=rule.name,
            measure=rule.measure,
            language=rule.language,
            value=reading.value,
            threshold=rule.threshold,
            currency=rule.currency,
            requests=reading.requests,
            window_minutes=rule.window_minutes,
            env_id=rule.env_id,
            model_name=rule.model_name,
            subject=reading.subject,
            label=reading.label,
            names=reading.names,
            is_stuck=reading.is_stuck,
        )

    @classmethod
    def loaded(cls, kept: Mapping[str, Any]) -> Self:
        """As an alert kept them."""
        return cls(**{**kept, "names": tuple(kept["names"])})

    def kept(self) -> dict[str, Any]:
        """As JSON holds them."""
        return asdict(self) | {"names": list(self.names)}

    @property
    def unit(self) -> str:
        """Of value and threshold."""
        return self.currency or kinds.KINDS[Measure(self.measure)].unit


def value_text(number: float | None, unit: str) -> str:
    """A value with its unit, as people read it."""
    if number is None:
        return "–"
    if unit in ("", "%", "s"):
        return f"{rounded(number, 6)} {unit}".strip()
    return f"{money(number)} {unit}"


def sentence(facts: Facts) -> str:
    """What was seen, in the language that is active."""
    words = {
        "value": value_text(facts.value, facts.unit),
        "threshold": value_text(facts.threshold, facts.unit),
        "requests": facts.requests,
        "window": kinds.window(facts.window_minutes),
        "label": facts.label,
        "names": ", ".join(facts.names),
    }
    return str(_STUCK if facts.is_stuck else _SENTENCES[facts.measure]) % words


def path(facts: Facts) -> str:
    """The page with what is behind it."""
    if (name := _PAGES.get(facts.measure)) is not None:
        return reverse(name)
    is_short = facts.window_minutes <= kinds.DAY
    links = Links("usage", {"environment": facts.env_id, "model": facts.model_name})
    return links.usage(period="today" if is_short else "30days")


def notice(event: str, facts: Facts, began_at: datetime, ended_at: datetime | None) -> Notice:
    """What recipients are told of an alert."""
    with override(facts.language):
        title = str(_TITLES[event]) % {"name": facts.name}
        text = "\n".join(_lines(event, facts, began_at, ended_at))
    has_window = bool(kinds.KINDS[Measure(facts.measure)].windows)
    return {
        "event": str(event),
        "title": title,
        "text": text,
        "rule": {"id": facts.rule, "name": facts.name},
        "measure": facts.measure,
        "subject": facts.subject,
        "value": facts.value,
        "threshold": facts.threshold,
        "unit": facts.unit,
        "requests": facts.requests,
        "window_seconds": facts.window_minutes * 60 if has_window else None,
        "environment": facts.env_id,
        "model": facts.model_name,
        "since": _iso(began_at),
        "until": _iso(ended_at) if ended_at else None,
        "url": _address(path(facts)),
    }


def test_notice(recipient: str, language: str) -> Notice:
    """What a recipient is sent to see whether it arrives."""
    with override(language):
        title = str(_TITLES[Event.TEST]) % {"name": recipient}
        text = gettext("This is a test: alerts arrive here.")
    return {
        "event": str(Event.TEST),
        "title": title,
        "text": text,
        "url": _address(reverse("alerts")),
    }


def _lines(event: str, facts: Facts, began_at: datetime, ended_at: datetime | None) -> list[str]:
    said = [sentence(facts), "", _pair(gettext("Since"), _moment(began_at))]
    if ended_at is not None:
        lasted = ended_at - began_at
        said[0] = gettext("It is over. This is what it was: %(sentence)s") % {"sentence": said[0]}
        said.append(_pair(gettext("Until"), f"{_moment(ended_at)} ({duration(lasted)})"))
    if facts.env_id:
        said.append(_pair(gettext("Environment"), facts.env_id))
    if facts.model_name:
        said.append(_pair(gettext("Model"), facts.model_name))
    said.append(_pair(gettext("Details"), _address(path(facts))))
    return said


def _pair(name: str, value: str) -> str:
    return gettext("%(name)s: %(value)s") % {"name": name, "value": value}


def _moment(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M %Z}"


def duration(time: timedelta) -> str:
    """How long something lasted: hours, minutes and seconds, and days where there are any."""
    return str(timedelta(seconds=int(time.total_seconds())))


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _address(path: str) -> str:
    """With this site's own address before it, as far as that is known."""
    return f"{settings.SITE_URL}{path}"
