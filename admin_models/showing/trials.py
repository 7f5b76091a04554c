"""What a trial found, to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext

from admin_models.findings import Finding, Tried
from admin_models.showing import words


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One thing that was tried, in the language that is active."""

    title: str
    state: str
    state_label: str
    sentence: str
    advice: str
    saw: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """What was tried at one address."""

    title: str
    host: str
    findings: tuple[ShownFinding, ...]
    is_good: bool


def shown(tried: Iterable[Tried]) -> list[ShownTrial]:
    """All that was tried."""
    return [
        ShownTrial(gettext(one.title), one.host, tuple(map(finding, one.findings)), one.is_good)
        for one in tried
    ]


def finding(found: Finding) -> ShownFinding:
    """One thing that was tried."""
    return ShownFinding(
        title=gettext(found.title),
        state=str(found.state),
        state_label=str(words.STATES[found.state]),
        sentence=words.filled(found.sentence, found.params),
        advice=gettext(found.advice) if found.advice else "",
        saw=found.saw,
        request_id=found.request_id,
    )
