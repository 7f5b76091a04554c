"""What a synthetic week needs in the server's database, and what the product makes of it.

The days before today are written as the ledger writes every row (`entries.write`), with the time of
then; the questions of today are asked for real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from admin_models import local, prices, roles
from admin_models.models import AIModel, GroupStatus, ModelGroup
from admin_models.models import Tier as PriceTier
from admin_models.roles import Role
from chat.figures import spans, sums
from chat.figures.spans import Dimension, Narrowing, Span
from chat.ledger import entries, totals
from chat.models import Conversation, Failure, Message, Usage
from chat.operations import tokens
from chat.operations.tokens import Scope
from chatsite import preparation
from chatsite.bench import rows, week_figures, week_plan
from chatsite.bench.week_figures import ALL, ERRORS, PLACES, STATES, TOKENS, Figures
from chatsite.bench.week_plan import Entry, Model, Turn

TOGETHER: Final = 20
"""Rows that are written in one transaction, as when answers end together."""
PRICE_PLACES: Final = 4


class Place(msgspec.Struct):
    """Where a question is asked: a conversation, the cookie of its owner, its model."""

    conversation: int
    cookie: str
    model: int


class Made(msgspec.Struct):
    """What was made: a place for each question, a token that reads the usage, the installation's
    day and its time zone."""

    places: list[Place]
    token: str
    operator: str
    """The cookie of somebody who looks after the site."""
    today: str
    entries: list[Entry]
    """What was written of the days before."""


class Week(msgspec.Struct):
    """How much of everything."""

    turns: int
    past: int
    people: int
    seed: int


class Found(msgspec.Struct):
    """What the product says: its figures, the totals that are wrong, and the texts of answers by
    the number of the question."""

    figures: Figures
    wrong_totals: int
    texts: dict[int, str]
    is_day_over: bool


# Before


def make(base_url: str, week: Week) -> Made:
    """Prepare the data folder, and everything that the questions of a week need."""
    preparation.migrate(_keep_quiet)
    preparation.collect_static_files(_keep_quiet)
    with transaction.atomic():
        models = _make_models(base_url)
        people = _make_people(week.people)
        operator = User.objects.create(username="operator", password=make_password(None))
        roles.set_role(operator, operator, Role.OPERATIONS)
        _row, token = tokens.make(operator, "week", [Scope.USAGE_READ], None)
    turns = week_plan.turns(week.turns, week.people, week.seed)
    today = spans.day_of(timezone.now())
    zone = timezone.get_default_timezone()
    past = week_plan.past(week.past, week.people, today, zone, week.seed)
    for first in range(0, len(past), TOGETHER):
        _write(past[first : first + TOGETHER], models, people)
    places = _make_places(turns, models, people)
    return Made(places, token, rows.cookie_of(operator), today.isoformat(), past)


def _keep_quiet(_words: str) -> None:
    """Nobody waits for the steps of the preparation."""


def _make_models(base_url: str) -> dict[str, AIModel]:
    statuses = {week_plan.GROUP: GroupStatus.ON, week_plan.SHUT_GROUP: GroupStatus.OFF}
    groups = {name: _make_group(name, base_url, status) for name, status in statuses.items()}
    wanted = (*week_plan.MODELS, week_plan.SHUT)
    return {model.name: _make_model(model, groups[model.group]) for model in wanted}


def _make_group(name: str, base_url: str, status: GroupStatus) -> ModelGroup:
    group = ModelGroup(environment=local.environment(), name=name, base_url=base_url, status=status)
    group.keep_key("bench")
    group.save()
    return group


def _make_model(model: Model, group: ModelGroup) -> AIModel:
    row = AIModel.objects.create(group=group, name=model.name)
    if model.tiers:
        name = prices.Named(group.environment.env_id, group.name, model.name)
        tiers = [
            PriceTier(_price(tier.input), _price(tier.output), _price(tier.cached), tier.above)
            for tier in model.tiers
        ]
        prices.set_price(None, name, currency=model.currency, tiers=tiers)
    return row


def _price(parts: int) -> Decimal:
    return Decimal(parts).scaleb(-PRICE_PLACES)


def _make_people(count: int) -> dict[str, User]:
    password = make_password(None)
    names = map(week_plan.person_name, range(count))
    people = [User(username=name, password=password) for name in names]
    return {person.username: person for person in User.objects.bulk_create(people)}


@transaction.atomic
def _make_places(
    turns: Iterable[Turn], models: dict[str, AIModel], people: dict[str, User]
) -> list[Place]:
    """A conversation for each question: what is estimated depends on everything said before."""
    cookies = {name: rows.cookie_of(person) for name, person in people.items()}
    places = []
    for turn in turns:
        name, model = week_plan.person_name(turn.person), models[turn.model]
        conversation = Conversation.objects.create(
            owner=people[name], title=str(turn.number), model=model
        )
        places.append(Place(conversation.pk, cookies[name], model.pk))
    return places


@transaction.atomic
def _write(some: Sequence[Entry], models: dict[str, AIModel], people: dict[str, User]) -> None:
    refused = [_failure(entry, models[entry.model]) for entry in some if not entry.was_called]
    called = [entry for entry in some if entry.was_called]
    entries.write(
        [_usage(entry, models[entry.model], people[entry.person]) for entry in called], refused
    )


def _failure(entry: Entry, model: AIModel) -> Failure:
    return totals.failure(
        datetime.fromisoformat(entry.at),
        env_id=model.group.environment.env_id,
        group_name=model.group.name,
        model_name=model.name,
        kind=entry.kind,
        stage=entry.stage,
        code=entry.code,
    )


def _usage(entry: Entry, model: AIModel, person: User) -> Usage:
    """As answers that end write theirs: what is not known is no number."""
    is_known = entry.confidence != Usage.Confidence.UNKNOWN
    return Usage(
        kind=entry.kind,
        user=person,
        model=model,
        env_id=model.group.environment.env_id,
        environment_name=model.group.environment.name,
        group_name=model.group.name,
        requested_model=model.name,
        prompt_tokens=_if(is_known, entry.prompt),
        completion_tokens=_if(is_known, entry.completion),
        total_tokens=_if(is_known, entry.total),
        cached_tokens=_if(is_known, entry.cached),
        reasoning_tokens=_if(is_known, entry.reasoning),
        units=entry.units or None,
        confidence=entry.confidence,
        final_status=entry.status,
        error_stage=entry.stage,
        error_code=entry.code,
        created_at=datetime.fromisoformat(entry.at),
    )


def _if(is_known: bool, number: int) -> int | None:
    return number if is_known else None


# After


def found(today: str) -> Found:
    """What the product says of the week whose last day is `today`."""
    last = date.fromisoformat(today)
    span = Span(spans.begin_of(week_plan.days(last)[0]), spans.begin_of(last + spans.DAY))
    is_over = spans.day_of(timezone.now()) != last
    return Found(dict(_told(span)), len(totals.differences()), dict(_texts()), is_over)


def _told(span: Span) -> Iterator[tuple[str, dict[str, str]]]:
    everything = Narrowing()
    whole = sums.over(span, everything)
    yield ALL, week_figures.written(_counts(whole) | {"people": whole.people})
    yield from _days(span)
    for by, title in ((Dimension.MODEL, "model"), (Dimension.KIND, "kind")):
        for key, part in sums.split(span, everything, by):
            yield f"{title} {key}", week_figures.written(_counts(part))
    names = dict(User.objects.values_list("pk", "username"))
    for key, part in sums.split(span, everything, Dimension.PERSON, limit=10_000):
        yield f"person {names[int(key)]}", week_figures.written(_counts(part))
    failures = Counter[str]()
    for each in sums.failures(span, everything):
        name = week_figures.error_name(each.stage, each.code, was_called=each.was_called)
        failures[name] += each.answers
    yield ERRORS, week_figures.written(failures)


def _days(span: Span) -> Iterator[tuple[str, dict[str, str]]]:
    for day, part in sums.series(span, Narrowing(), "day"):
        if counts := week_figures.written(_counts(part) | {"people": part.people}):
            yield f"day {day}", counts


def _counts(part: sums.Sums) -> dict[str, Any]:
    counts: dict[str, Any] = {name: getattr(part, name) for name in STATES}
    for name in ("requests", "units", "unpriced", "uncosted"):
        counts[name] = getattr(part, name)
    for confidence, used in part.tokens.items():
        counts |= {f"{confidence} {name} tokens": getattr(used, name) for name in TOKENS}
    for currency, costs in part.cost.items():
        for confidence, amount in costs.items():
            counts[f"{confidence} {currency}"] = int(amount.scaleb(PLACES))
    return counts


def _texts() -> Iterator[tuple[int, str]]:
    answers = Message.objects.filter(role=Message.Role.ASSISTANT).select_related("conversation")
    for message in answers.iterator():
        yield int(message.conversation.title), message.text
