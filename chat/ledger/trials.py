"""Calls that administration makes to see whether a model answers: they cost like any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from admin_models.models import AIModel, Environment
from admin_models.signals import TestCall
from chat.ledger import entries
from chat.models import Status, Usage


@transaction.atomic
def enter(
    actor_pk: int | None,
    environment: Environment,
    group: str,
    calls: Sequence[TestCall],
    **_: Any,
) -> None:
    """Write test calls into the ledger; listens to `admin_models.signals.called`.

    What no service reported stays unknown: a call of a few tokens is not worth an estimate.
    """
    rows = AIModel.objects.filter(group__environment=environment, group__name=group)
    models = {
        model.name: model
        for model in rows.filter(name__in={call.model for call in calls}).select_related(
            "group__environment"
        )
    }
    entries.write(
        [
            Usage(
                kind=Usage.Kind.TRIAL,
                user_id=actor_pk,
                model=models.get(call.model),
                env_id=environment.env_id,
                environment_name=environment.name,
                group_name=group,
                requested_model=_cut("requested_model", call.model),
                answered_model=_cut("answered_model", call.answered_model),
                **_used(call),
                **_ended(call),
            )
            for call in calls
        ]
    )


def _used(call: TestCall) -> dict[str, Any]:
    if call.usage is None:
        return {"confidence": Usage.Confidence.UNKNOWN}
    return {
        "confidence": Usage.Confidence.REPORTED,
        "prompt_tokens": call.usage.prompt_tokens,
        "completion_tokens": call.usage.completion_tokens,
        "total_tokens": call.usage.total_tokens,
        "cached_tokens": call.usage.cached_tokens,
        "reasoning_tokens": call.usage.reasoning_tokens,
    }


def _ended(call: TestCall) -> dict[str, Any]:
    return {
        "final_status": Status.FAILED if call.error else Status.DONE,
        "error_stage": call.error.stage if call.error else "",
        "error_code": call.error.code if call.error else "",
        "first_token_seconds": call.first_word,
        "duration_seconds": call.seconds,
        "created_at": call.ended_at,
    }


def _cut(name: str, value: str) -> str:
    """`value`, as much of it as the column holds."""
    return value[: getattr(Usage._meta.get_field(name), "max_length", None)]
