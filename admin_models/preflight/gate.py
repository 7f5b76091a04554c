"""Before a call: passed and fresh, or an error that says what to do. Nothing falls back."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from channels.db import database_sync_to_async
from django.conf import settings
from django.utils import timezone

from admin_models.models import AIModel
from admin_models.preflight import asking, rules, seeing
from admin_models.preflight.case import Terms
from admin_models.preflight.checks import Intent, Subject, Verdict
from admin_models.preflight.errors import NoModelChosen, of_check
from admin_models.preflight.facts import Facts, Seen

FAILURE_COUNTS: Final = timedelta(seconds=30)
"""So long a question that failed is not put again by every turn."""

_DECIDING: Final = {
    Intent.HUNYUAN: ("DescribeActivityInfo", "DescribeAIModels"),
    Intent.MANAGED: ("DescribeEnvPostpayPackage", "DescribeAIModels"),
    Intent.THIRD_PARTY: ("DescribeAIModels",),
}
"""What the call of a model waits for when it is too old."""


def terms() -> Terms:
    """The terms of this installation, as of now."""
    return Terms(
        now=timezone.now(),
        max_age=timedelta(seconds=settings.PREFLIGHT_MAX_AGE_SECONDS),
        blocking_switches=frozenset(settings.PREFLIGHT_BLOCKING_SWITCHES),
    )


def subject_of(model: AIModel) -> Subject:
    """What somebody wants who chose this row."""
    group = model.group.name
    return Subject(rules.intent_of(group), group, model.name)


def judged(model: AIModel) -> Verdict:
    """What is stored, judged for one model with `group__environment` loaded; one query, and none
    for a custom group of the local environment."""
    return rules.verdict(seeing.facts_around(model), subject_of(model), terms())


async def passed(model: AIModel | None) -> AIModel:
    """Return `model` if it may be called now; what is too old is asked for first.

    Raises PreflightFailed, a kind for each check.
    """
    if model is None:
        raise NoModelChosen
    facts = await _facts(model)
    if old := _too_old(facts, subject_of(model)):
        await asking.renew(model.group.environment_id, *old)
        facts = await _facts(model)
    verdict = rules.verdict(facts, subject_of(model), terms())
    if (check := verdict.in_the_way) is not None:
        raise of_check(check, verdict.subject, model.group.environment)
    return model


async def _facts(model: AIModel) -> Facts:
    if seeing.makes_no_query(model):
        return seeing.facts_around(model)
    return await database_sync_to_async(seeing.facts_around)(model)


def _too_old(facts: Facts, subject: Subject) -> list[str]:
    """The actions to ask again before judging; none where nobody could answer."""
    if not (facts.is_enabled and facts.has_key and facts.has_cloud_keys):
        return []
    now = terms()
    seen: dict[str, Seen[object]] = {
        name: getattr(facts, seeing.KINDS[name][0]) for name in _DECIDING[subject.intent]
    }
    return [name for name, answer in seen.items() if _is_to_ask(answer, now)]


def _is_to_ask(seen: Seen[object], now: Terms) -> bool:
    if seen.fresh(now.now, now.max_age) is not None:
        return False
    return seen.failure is None or now.now - seen.failure.at > FAILURE_COUNTS
