"""One verdict as a list to read: each check with its evidence, and one next action each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from admin_models.models import Environment
from admin_models.preflight import gate, rules
from admin_models.preflight.checks import (
    ActionKind,
    Check,
    Evidence,
    Intent,
    NextAction,
    State,
    Step,
    Subject,
    Verdict,
)
from admin_models.preflight.facts import Facts
from admin_models.showing import words
from chat.cloudbase import group_names


@dataclass(frozen=True, slots=True)
class ShownAction:
    """The next action of a check: a link where `url` is, else a button or a countdown."""

    kind: str
    label: str
    url: str = ""
    is_outside: bool = False
    left: str = ""
    """Minutes and seconds that a countdown has left, as `1:05`."""


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A check as a person reads it."""

    step: str
    title: str
    state: str
    state_label: str
    sentence: str
    evidence: Evidence | None
    age: str
    action: ShownAction | None
    is_in_the_way: bool


@dataclass(frozen=True, slots=True)
class Checklist:
    """A verdict on one environment, group and model."""

    environment: Environment
    subject: Subject
    checks: tuple[ShownCheck, ...]
    state: str
    summary: str
    is_checking: bool = False
    until: datetime | None = None
    """When a countdown ends, if one runs."""

    @property
    def is_ready(self) -> bool:
        """Whether the model may be called."""
        return self.state == State.OK

    @property
    def is_missed(self) -> bool:
        """Whether a person has to decide how to go on."""
        return self.state in (State.NOT_OK, State.UNKNOWN)


def of(
    environment: Environment, facts: Facts, subject: Subject, *, is_checking: bool = False
) -> Checklist:
    """What is known of calling `subject`, judged now; makes no query."""
    verdict = rules.verdict(facts, subject, gate.terms())
    return Checklist(
        environment,
        subject,
        _shown(environment, verdict),
        str(verdict.state),
        _summary(verdict),
        is_checking,
        _until(verdict),
    )


def html_of(checklist: Checklist) -> str:
    """The piece of page that a socket sends; the page includes the same."""
    return render_to_string("admin_models/_checklist.html", {"checklist": checklist})


def is_due(facts: Facts) -> bool:
    """Whether something has to be asked before this environment can be judged."""
    if facts.is_local or not facts.is_enabled or not facts.has_cloud_keys:
        return False
    terms = gate.terms()
    asked = (facts.activities, facts.packages, facts.information, facts.groups, facts.catalogue)
    return any(seen.fresh(terms.now, terms.max_age) is None for seen in asked)


def query_of(subject: Subject) -> str:
    """The query string that names a subject."""
    return urlencode(
        {"intent": str(subject.intent), "group": subject.group, "model": subject.model}
    )


def time_left(until: datetime) -> str:
    """Minutes and seconds until then, as `1:05`."""
    seconds = max(0, round((until - timezone.now()) / timedelta(seconds=1)))
    return f"{seconds // 60}:{seconds % 60:02}"


def _shown(environment: Environment, verdict: Verdict) -> tuple[ShownCheck, ...]:
    in_the_way = verdict.in_the_way
    actions = {c.step: _action(environment, verdict.subject, c) for c in verdict.checks}
    # Two checks may be helped by the same thing; it is offered once, best where it is needed most.
    needed = [in_the_way] if in_the_way else []
    offered: dict[ShownAction, Step] = {}
    for check in (*needed, *verdict.checks):
        if (action := actions[check.step]) is not None:
            offered.setdefault(action, check.step)
    return tuple(
        _check(
            check,
            action if (action := actions[check.step]) and offered[action] is check.step else None,
            is_in_the_way=check is in_the_way,
        )
        for check in verdict.checks
    )


def _check(check: Check, action: ShownAction | None, *, is_in_the_way: bool) -> ShownCheck:
    return ShownCheck(
        step=str(check.step),
        title=str(words.STEPS[check.step]),
        state=str(check.state),
        state_label=str(words.STATES[check.state]),
        sentence=words.sentence_of(check),
        evidence=check.evidence,
        age=words.age_of(check.evidence.at) if check.evidence else "",
        action=action,
        is_in_the_way=is_in_the_way,
    )


def _action(environment: Environment, subject: Subject, check: Check) -> ShownAction | None:
    action = check.action
    if action is None:
        return None
    url = _url(environment, subject, check, action)
    return ShownAction(
        kind=str(action.kind),
        label=words.filled(action.label, action.params),
        url=url,
        is_outside=url.startswith("https:"),
        left=time_left(action.until) if action.until else "",
    )


def _url(environment: Environment, subject: Subject, check: Check, action: NextAction) -> str:
    match action.kind:
        case ActionKind.LINK:
            return action.url
        case ActionKind.ENABLE:
            page = reverse("environment_enable", args=[environment.pk])
            return f"{page}?{query_of(subject)}"
        case ActionKind.CONFIGURE:
            return _settings_page(environment, subject, check)
        case _:
            return ""


def _settings_page(environment: Environment, subject: Subject, check: Check) -> str:
    """The page where what a check lacks is entered."""
    settings = reverse("environment_settings", args=[environment.pk])
    if check.step is Step.CONNECTION:
        return settings
    if check.state is State.UNKNOWN:
        return f"{settings}#keys"
    if check.step is Step.CHANNEL:
        page = reverse("environment_preflight", args=[environment.pk])
        return f"{page}?{urlencode({'intent': Intent.MANAGED})}"
    if check.step is Step.TOKEN_PACK:
        return reverse("environment_packs", args=[environment.pk])
    if check.step is Step.MODEL_LISTED and not subject.model:
        return "#choose"
    return _registration_page(environment, subject)


def _registration_page(environment: Environment, subject: Subject) -> str:
    """Where a custom group is registered, with what is known of it already."""
    known = {"name": subject.group, "model": subject.model}
    if not group_names.is_custom(subject.group):
        del known["name"]
    query = urlencode({name: value for name, value in known.items() if value})
    page = reverse("group_new", args=[environment.pk])
    return f"{page}?{query}" if query else page


def _summary(verdict: Verdict) -> str:
    """What all checks come to, in one sentence."""
    names = {"model": verdict.subject.model, "group": verdict.subject.group}
    check = verdict.in_the_way
    if check is None:
        return gettext("%(model)s may be called in the group %(group)s.") % names
    if check.state is State.NOT_OK:
        return gettext("%(model)s cannot be called now.") % _named(names)
    if check.state is State.UNKNOWN:
        return gettext("It is not known whether %(model)s may be called.") % _named(names)
    return gettext("%(model)s is being checked.") % _named(names)


def _named(names: dict[str, str]) -> dict[str, str]:
    return names | {"model": names["model"] or gettext("This model")}


def _until(verdict: Verdict) -> datetime | None:
    ends = [check.action.until for check in verdict.checks if check.action and check.action.until]
    return min(ends, default=None)
