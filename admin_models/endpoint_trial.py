"""Tries an OpenAI-compatible endpoint with the values of a form, before anything is saved.

A trial asks for the list of models once (`GET /models`), which costs nothing, and puts three
questions to the chosen model: one in plain words and, if that is answered, one with a tool and one
with a picture. Refused parameters can make the first of them three. So at most five calls may cost,
each 16 tokens of answer and one of them 64 × 64 pixels; none is sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from admin_models import endpoint_findings, endpoint_questions
from admin_models.endpoint_findings import Question
from admin_models.endpoint_questions import Endpoint, Listing
from admin_models.findings import (
    CONNECTION,
    KEY,
    Finding,
    Tried,
    connected,
    host_of,
    looked_up,
    not_tried,
    refused,
)
from admin_models.models import ModelAbilities
from admin_models.preflight.checks import State
from admin_models.signals import TestCall
from chat.cloudbase import errors
from chat.cloudbase.errors import CloudBaseError, _

MOST_NAMES: Final = 2000
"""Names that are taken from a list of models; longer lists are those of catalogues."""

_TITLE: Final = _("The endpoint")
_CHECK_NAME: Final = _("Check how the base URL is spelt, and the name service of this server.")
_LEARNT: Final = (
    "streams",
    "reports_usage",
    "accepts_tools",
    "accepts_images",
    "emits_reasoning",
    "tried_at",
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An endpoint as a form has it; an empty key is none."""

    base_url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """The names of the models that an endpoint lists, in its order, and what was found."""

    names: tuple[str, ...]
    finding: Finding


@dataclass(frozen=True, slots=True)
class Trial:
    """What was found, in the order in which things can fail, and what was learnt of the model:
    not saved, None if that is nothing."""

    tried: Tried
    abilities: ModelAbilities | None
    calls: tuple[TestCall, ...] = field(default=(), repr=False)
    """What was asked of the model, of which each call may cost."""


async def listed(candidate: Candidate) -> Listed:
    """Ask an endpoint for its models. That it has no list is no failure. Raises nothing."""
    try:
        async with endpoint_questions.opened(candidate.base_url, candidate.api_key) as endpoint:
            listing, finding = await _listed(endpoint, candidate)
    except CloudBaseError as error:
        return Listed((), _illegal(error))
    return Listed(listing.names, _without(candidate.api_key, finding))


async def of(candidate: Candidate, model: str) -> Trial:
    """Try an endpoint and one of its models.

    Takes up to six times `PREFLIGHT_TIMEOUT_SECONDS`: half of them for the first answer. Raises
    nothing.
    """
    try:
        async with endpoint_questions.opened(candidate.base_url, candidate.api_key) as endpoint:
            findings, abilities = await _tried(endpoint, candidate, model)
    except CloudBaseError as error:
        return Trial(Tried(_TITLE, "", (_illegal(error),)), None)
    clean = tuple(_without(candidate.api_key, finding) for finding in findings)
    calls = tuple(_clean(candidate.api_key, call) for call in endpoint.calls)
    return Trial(Tried(_TITLE, host_of(endpoint.url), clean), abilities, calls)


def keep(abilities: ModelAbilities) -> None:
    """Store what was learnt, in place of what was known. One query."""
    ModelAbilities.objects.bulk_create(
        [abilities],
        update_conflicts=True,
        unique_fields=["base_url", "model"],
        update_fields=_LEARNT,
    )


def known(base_url: str, models: Iterable[str]) -> dict[str, ModelAbilities]:
    """What was learnt of models at an address, by their names. One query."""
    rows = ModelAbilities.objects.filter(base_url=base_url.strip().rstrip("/"))
    return {row.model: row for row in rows.filter(model__in=list(models))}


async def _listed(endpoint: Endpoint, candidate: Candidate) -> tuple[Listing, Finding]:
    """The list, and what there is to say of it or of what keeps it away."""
    name = await looked_up(endpoint.url, _CHECK_NAME)
    if name.state is not State.OK:
        return Listing(), name
    listing = _usable(await endpoint.listing(), candidate)
    connection = connected(endpoint.url, listing.error)
    if connection.state in (State.OK, State.SKIPPED):
        return listing, endpoint_findings.on_list(listing)
    return listing, connection


async def _tried(
    endpoint: Endpoint, candidate: Candidate, model: str
) -> tuple[list[Finding], ModelAbilities | None]:
    steps = (CONNECTION, endpoint_findings.LIST, KEY, endpoint_findings.ANSWER)
    name = await looked_up(endpoint.url, _CHECK_NAME)
    if name.state is not State.OK:
        return [name, *map(not_tried, steps)], None
    told, seen = await asyncio.gather(endpoint.listing(), endpoint.question(model))
    connection = _connection(endpoint.url, told.error, seen.error)
    if connection.state is State.NOT_OK:
        return [name, connection, *map(not_tried, steps[1:])], None
    question = Question(endpoint.url, model, _usable(told, candidate), seen)
    findings = [name, connection, *_judged(question, is_key_given=bool(candidate.api_key.strip()))]
    learnt, abilities = await _learnt(endpoint, question)
    return [*findings, *learnt], abilities


def _judged(question: Question, *, is_key_given: bool) -> tuple[Finding, Finding, Finding]:
    return (
        endpoint_findings.on_list(question.listing, question.model),
        endpoint_findings.on_key(question.listing, question.seen, is_given=is_key_given),
        endpoint_findings.on_answer(question),
    )


async def _learnt(
    endpoint: Endpoint, question: Question
) -> tuple[list[Finding], ModelAbilities | None]:
    """What else a model that answers can do; one after the other, since some answer one at a
    time."""
    tool = image = None
    if question.seen.is_answer:
        tool = await endpoint.tool(question.model, question.seen.parameters)
        image = await endpoint.image(question.model, question.seen.parameters)
    abilities = endpoint_findings.abilities_of(question, tool, image)
    return endpoint_findings.on_abilities(question, abilities, tool, image), abilities


def _connection(url: str, *outcomes: CloudBaseError | None) -> Finding:
    """Of two questions it is enough that one came through."""
    found = [connected(url, error) for error in outcomes]
    return next((one for one in found if one.state in (State.OK, State.SKIPPED)), found[-1])


def _illegal(error: CloudBaseError) -> Finding:
    """What was typed is no address or no key, so that nothing was tried."""
    title = KEY if isinstance(error, errors.KeyMalformed) else CONNECTION
    return refused(title, error)


def _usable(listing: Listing, candidate: Candidate) -> Listing:
    """The list without what cannot be a model's name here, or repeats the key."""
    longest = ModelAbilities._meta.get_field("model").max_length or 0
    key = candidate.api_key.strip()
    names = (name for name in dict.fromkeys(listing.names) if len(name) <= longest)
    names = (name for name in names if not (key and key in name))
    return replace(listing, names=tuple(names)[:MOST_NAMES])


def _clean(key: str, call: TestCall) -> TestCall:
    return replace(call, answered_model=errors.scrub(call.answered_model, (key.strip(),)))


def _without(key: str, finding: Finding) -> Finding:
    """A finding in which the service repeats no key, wherever it did."""

    def clean(value: Any) -> Any:
        return errors.scrub(value, (key.strip(),)) if isinstance(value, str) else value

    params = {name: clean(value) for name, value in finding.params.items()}
    return replace(
        finding, params=params, saw=clean(finding.saw), request_id=clean(finding.request_id)
    )
