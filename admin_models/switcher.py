"""What a chat can choose from: every model, and where it is not ready, why in a few words.

Judged by what was seen last. What is merely too old counts as it was: the gate asks again before
it lets a call pass, and the background does so anyway.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from itertools import groupby
from typing import Final, TypeVar

from django.utils import dateformat, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy

from admin_models import access
from admin_models.models import AIModel, Environment, ModelGroup
from admin_models.preflight import PreflightFailed, errors, gate, rules, seeing
from admin_models.preflight.case import Terms
from admin_models.preflight.checks import Check, State, Step
from admin_models.preflight.facts import Facts, Seen
from chat.cloudbase.control_plane import ManagedModel

T = TypeVar("T")

_NOT_OK: Final[Mapping[Step, Promise]] = {
    Step.CONNECTION: pgettext_lazy("why a model cannot be chosen", "no API key"),
    Step.GROWTH_PLAN: pgettext_lazy("why a model cannot be chosen", "not in the growth plan"),
    Step.CHANNEL: pgettext_lazy("why a model cannot be chosen", "for mini programs only"),
    Step.TOKEN_PACK: pgettext_lazy("why a model cannot be chosen", "no token pack"),
    Step.RESOURCE_PLAN: pgettext_lazy("why a model cannot be chosen", "nothing pays for it"),
    Step.GROUP_EXISTS: pgettext_lazy("why a model cannot be chosen", "its group is missing"),
    Step.GROUP_ON: pgettext_lazy("why a model cannot be chosen", "its group is switched off"),
    Step.MODEL_LISTED: pgettext_lazy("why a model cannot be chosen", "not switched on"),
    Step.CALL: pgettext_lazy("why a model cannot be chosen", "the last call was refused"),
}
_ENVIRONMENT_OFF: Final = pgettext_lazy(
    "why a model cannot be chosen", "its environment is switched off"
)
_UNKNOWN: Final[Mapping[Step, Promise]] = {
    Step.CHANNEL: pgettext_lazy("why a model cannot be chosen", "not tried yet"),
    Step.RESOURCE_PLAN: pgettext_lazy("why a model cannot be chosen", "not known who pays"),
}
_NOT_KNOWN: Final = pgettext_lazy("why a model cannot be chosen", "not known yet")
_CHECKING: Final = pgettext_lazy("why a model cannot be chosen", "being checked")


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that is offered, and the check that is in the way of calling it, if there is one."""

    model: AIModel
    check: Check | None
    managed: ManagedModel | None = None
    """What the catalogue says of it."""

    @property
    def shown(self) -> tuple[object, ...]:
        """Everything that a page shows of it, in no language; two that are equal look the same."""
        model, check = self.model, self.check
        place = (model.group_id, model.group.name, model.group.environment.name)
        until = check.action.until if check and check.action else None
        reason = (check.step, check.state, until) if check else None
        told = (self.managed.spec.context_length, self.managed.prices) if self.managed else None
        facts = (model.context_length, told)
        return (model.pk, str(model), model.notice, *place, reason, facts)

    @property
    def is_ready(self) -> bool:
        """Whether it can be chosen."""
        return self.check is None

    @property
    def reason(self) -> str:
        """Why it cannot, in a few words; empty if it can."""
        return "" if self.check is None else _reason(self.check, self.model.group.environment)

    @property
    def refusal(self) -> PreflightFailed | None:
        """Why it cannot, as the error that a call would end with; None if it can."""
        if self.check is None:
            return None
        subject = gate.subject_of(self.model)
        return errors.of_check(self.check, subject, self.model.group.environment)

    @property
    def facts(self) -> str:
        """Its context and its price (of several tiers the first), as far as anybody said."""
        return " · ".join(filter(None, (_context(self.model, self.managed), _price(self.managed))))


@dataclass(frozen=True, slots=True)
class Shelf:
    """The models of one group, ready ones first; `label` is empty where nothing else is offered."""

    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Switcher:
    """Everything that is offered to a person."""

    choices: tuple[Choice, ...]
    is_narrowed: bool = False
    """Whether there is more that this person may not use."""

    @cached_property
    def shelves(self) -> tuple[Shelf, ...]:
        """The choices by environment and group, in their order."""
        shelved = [list(one) for _pk, one in groupby(self.choices, lambda c: c.model.group_id)]
        groups = [choices[0].model.group for choices in shelved]
        return tuple(
            Shelf(_label(group, groups), tuple(sorted(choices, key=lambda c: not c.is_ready)))
            for group, choices in zip(groups, shelved, strict=True)
        )

    @cached_property
    def signature(self) -> str:
        """The same for two that look the same, in whatever process and language."""
        shown = repr([choice.shown for choice in self.choices])
        return hashlib.blake2b(shown.encode(), digest_size=8).hexdigest()

    @cached_property
    def default(self) -> AIModel | None:
        """What a new conversation begins with: the oldest that is ready, of the default
        environment if it has one."""
        ready = [choice.model for choice in self.choices if choice.is_ready]
        return min(ready, key=lambda m: (not m.group.environment.is_default, m.pk), default=None)

    @cached_property
    def shared_names(self) -> frozenset[str]:
        """Names that several models have, so that one has to say which is meant."""
        named = Counter(str(choice.model) for choice in self.choices)
        return frozenset(name for name, times in named.items() if times > 1)

    def find(self, pk: object) -> Choice | None:
        """The choice of that number, which may be text; None if it is not offered."""
        return next((choice for choice in self.choices if str(choice.model.pk) == str(pk)), None)


def loaded(user_pk: int) -> Switcher:
    """All models that a person may use, as they are now: in six queries at most, and those of
    `access.allowed`."""
    return narrowed(everything(), user_pk)


def everything() -> Switcher:
    """All models as they are now, whoever may use them, in six queries at most."""
    rows = list(
        AIModel.objects.prefetch_related("group__environment").order_by(
            "-group__environment__is_default", "group__environment__name", "group__name", "name"
        )
    )
    terms = gate.terms()
    facts = {pk: _last(seen, terms) for pk, seen in seeing.facts_around_all(rows).items()}
    return Switcher(tuple(_choice(row, facts[row.group.environment_id], terms) for row in rows))


def narrowed(offered: Switcher, user_pk: int) -> Switcher:
    """What is there for a person; costs what `access.allowed` costs."""
    allowed = access.allowed(user_pk, [choice.model for choice in offered.choices])
    choices = tuple(choice for choice in offered.choices if choice.model.pk in allowed)
    return Switcher(choices, is_narrowed=len(choices) < len(offered.choices))


def refusal(user_pk: int, model: AIModel) -> PreflightFailed | None:
    """Why a person cannot choose `model`, whose `group__environment` is loaded; None if they can.

    One query, and none for a custom group of the local environment; and those of
    `access.may_use`.
    """
    if not access.may_use(user_pk, model):
        return access.NotForYou()
    terms = gate.terms()
    return _choice(model, _last(seeing.facts_around(model), terms), terms).refusal


def _label(group: ModelGroup, groups: Sequence[ModelGroup]) -> str:
    """What tells a group from the others, as much as that takes."""
    if len({other.environment_id for other in groups}) > 1:
        return f"{group.environment} · {group}"
    return str(group) if len(groups) > 1 else ""


def _choice(model: AIModel, facts: Facts, terms: Terms) -> Choice:
    of_any_age = replace(terms, max_age=timedelta.max)
    verdict = rules.verdict(facts, gate.subject_of(model), of_any_age)
    return Choice(model, verdict.in_the_way, facts.managed(model.group.name, model.name))


def _last(facts: Facts, terms: Terms) -> Facts:
    """Facts to judge whatever their age: without what is too old and could not be asked again."""
    return replace(
        facts,
        activities=_unless_failed(facts.activities, terms),
        packages=_unless_failed(facts.packages, terms),
        groups=_unless_failed(facts.groups, terms),
    )


def _unless_failed(seen: Seen[T], terms: Terms) -> Seen[T]:
    if seen.failure is None or seen.fresh(terms.now, terms.max_age) is not None:
        return seen
    return Seen(seen.action, failure=seen.failure)


def _reason(check: Check, environment: Environment) -> str:
    if check.action is not None and check.action.until is not None:
        time = dateformat.format(timezone.localtime(check.action.until), "H:i T")
        return gettext("just switched on, ready by %(time)s") % {"time": time}
    if check.step is Step.CONNECTION and not environment.is_enabled:
        return str(_ENVIRONMENT_OFF)
    if check.state is State.NOT_OK:
        return str(_NOT_OK[check.step])
    return str(_CHECKING if check.state is State.WAITING else _UNKNOWN.get(check.step, _NOT_KNOWN))


def _context(model: AIModel, managed: ManagedModel | None) -> str:
    told = managed.spec.context_length if managed else ""
    length = told if model.context_length is None else _thousands(model.context_length)
    return gettext("%(length)s context") % {"length": length} if length else ""


def _thousands(tokens: int) -> str:
    """A number of tokens as vendors write it, for example `128k`."""
    if tokens < 1000:
        return str(tokens)
    return f"{tokens // 1024}k" if tokens % 1024 == 0 else f"{tokens // 100 / 10:g}k"


def _price(managed: ManagedModel | None) -> str:
    """In the vendor's own figures; it names no currency, so neither do we."""
    if managed is None or not managed.prices or not managed.prices[0].input_price:
        return ""
    first = managed.prices[0]
    words = {"input": first.input_price, "output": first.output_price or "?"}
    price = gettext("%(input)s in, %(output)s out") % words
    if first.input_output_unit:
        price = gettext("%(price)s per %(unit)s") % {
            "price": price,
            "unit": first.input_output_unit,
        }
    return gettext("from %(price)s") % {"price": price} if len(managed.prices) > 1 else price
