"""Switches managed models on and off, at a price that somebody has confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from channels.db import database_sync_to_async
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from admin_models import (
    audit,
    catalogue_prices,
    control_plane,
    currencies,
    group_changes,
    group_errors,
    group_records,
    group_writing,
    prices,
)
from admin_models.group_changes import Outcome
from admin_models.group_writing import Change, Settings
from admin_models.model_lists import Entries
from admin_models.models import Environment, Price
from admin_models.preflight import asking
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import ON, AIModelEntry, ManagedModel


async def switch_on(
    actor: audit.Actor,
    environment_pk: int,
    group: str,
    model: str,
    price_words: str,
    currency: str,
) -> Outcome:
    """Switch `model` on in `group`, and the group itself; what is on stays as it is.

    `price_words` is the price that was shown, as `catalogue_prices.words` puts it, and `currency`
    the one that the person took it for; both are kept as what they confirmed. For a model that is
    on, that is all that happens. Raises PriceChanged, CurrencyUnknown, ModelNotInCatalogue (of the
    managed group; its exact name comes from there), NoSuchGroup, another GroupChangeFailed, and
    what the control plane says.
    """
    if currency not in currencies.CODES:
        raise group_errors.CurrencyUnknown(group, currency=currency)
    environment = await Environment.objects.aget(pk=environment_pk)
    managed = await _managed(environment, group, model)
    if price_words != catalogue_prices.words(managed):
        raise group_errors.PriceChanged(group, model=model)
    entry = AIModelEntry(managed.model, enable_mcp=managed.enable_mcp)
    outcome = await group_changes.carry_out(
        Change(
            actor,
            environment,
            group,
            wish=partial(_with, entry),
            settings=Settings(status=ON),
            action="model.switched_on",
            model=model,
        )
    )
    await database_sync_to_async(_confirm)(actor, environment, group, managed, currency)
    return outcome


async def switch_off(actor: audit.Actor, environment_pk: int, group: str, model: str) -> Outcome:
    """Switch `model` off; the group stays on. Does nothing to one that is off.

    Raises NoSuchGroup, another GroupChangeFailed, and what the control plane says.
    """
    return await group_changes.carry_out(
        Change(
            actor,
            await Environment.objects.aget(pk=environment_pk),
            group,
            wish=partial(_without, model),
            action="model.switched_off",
            model=model,
        )
    )


def confirmed(environment: Environment) -> Mapping[tuple[str, str], Price]:
    """What was confirmed last of each model of the catalogue, by group and model; in one query."""
    rows = Price.objects.filter(env_id=environment.env_id).exclude(words="").order_by("pk")
    return {(price.group, price.model): price for price in rows}


def asks_again(managed: ManagedModel, price: Price | None) -> bool:
    """Whether the catalogue says another price than the one that was confirmed, or one where none
    was."""
    return catalogue_prices.words(managed) != (price.words if price else "")


async def _managed(environment: Environment, group: str, model: str) -> ManagedModel:
    """The catalogue's entry, read now; of other groups than the managed one it may have none."""
    if group_names.is_custom(group):
        return ManagedModel(model)
    plane, asked_at = control_plane.of(environment), timezone.now()
    said = await group_writing.within(
        settings.PREFLIGHT_TIMEOUT_SECONDS, plane.describe_managed_ai_model_list()
    )
    await asking.keep_answer(environment, said, asked_at)
    for listed in said.value:
        for managed in listed.models if listed.group_name == group else ():
            if managed.model == model:
                return managed
    if group == group_names.MANAGED:
        raise group_errors.ModelNotInCatalogue(group, model=model)
    return ManagedModel(model)


def _with(entry: AIModelEntry, listed: Entries) -> tuple[AIModelEntry, ...]:
    """One that is listed keeps its settings."""
    is_listed = any(other.model == entry.model for other in listed)
    return (*listed,) if is_listed else (*listed, entry)


def _without(model: str, listed: Entries) -> tuple[AIModelEntry, ...]:
    return tuple(entry for entry in listed if entry.model != model)


@transaction.atomic
def _confirm(
    actor: audit.Actor, environment: Environment, group: str, managed: ManagedModel, currency: str
) -> None:
    """Keep the price as confirmed by `actor` now, unless it already is, or there is none."""
    before = confirmed(environment).get((group, managed.model))
    is_known = before is not None and before.currency == currency
    if not managed.prices or (is_known and not asks_again(managed, before)):
        return
    price = Price.objects.create(
        env_id=environment.env_id,
        group=group,
        model=managed.model,
        currency=currency,
        tiers=_figures(managed, currency),
        words=catalogue_prices.words(managed),
        valid_from=timezone.now(),
        set_by=audit.name_of(actor),
    )
    audit.record(
        actor,
        "price.confirmed",
        group_records.subject_of(environment, group, managed.model),
        before=prices.state_of(before) if before else {},
        after=prices.state_of(price),
    )


def _figures(managed: ManagedModel, currency: str) -> list[dict[str, str | int | None]]:
    """Empty where the catalogue's words are no figures that a cost can be made of."""
    found = catalogue_prices.tiers(managed)
    try:
        prices.check(currency, found)
    except ValidationError:
        return []
    return [tier.stored() for tier in found]
