"""What stands against a plan: each rule of the tables, and of the pages, with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext

from admin_models import connections, packs, prices
from admin_models.models import Tier
from admin_models.models.environments import ENV_ID
from admin_models.models.groups import validate_group_name
from chat.cloudbase import addresses
from chat.cloudbase.errors import CloudBaseError

from . import rows, secrets
from .format import PARTS, Configuration, Kind
from .planning import LOCAL, Here, Plan, is_kept_elsewhere, kinds_of
from .reading import inside
from .steps import Key, Problem, Step, Verdict, items

_LISTS: Final = ("groups", "models", "members")
"""Of teams; kept in tables of their own."""
_ADDRESSES: Final = ("base_url", "control_url")
_PLACE_OF_ENVIRONMENT: Final = ("region", "international", *_ADDRESSES)
_THEIRS: Final[Mapping[str, tuple[str, ...]]] = {
    Kind.GROUP: ("base_url", "enabled", "remark"),
    Kind.MODEL: ("enabled", "enable_mcp", "tags"),
}
"""What a group that is kept elsewhere says of itself."""


def checked(plan: Plan, current: Configuration, here: Here) -> Plan:
    """The plan with all that stands against it, one problem a place."""
    case = _Case(plan.steps, current, here)
    found = [*plan.problems, *_repeated(plan.steps)]
    for step in plan.steps:
        for rule in _RULES.get(step.kind, ()):
            found += rule(step, case)
        if step.verdict is not Verdict.SAME:
            found += _of_table(step)
    first = {problem.place: problem for problem in reversed(found)}
    return Plan(plan.steps, plan.missing, tuple(reversed(first.values())))


class _Case:
    """What rules look at besides their step."""

    def __init__(self, steps: Iterable[Step], current: Configuration, here: Here) -> None:
        self.here = here
        self.kinds = kinds_of(steps := list(steps))
        others = [item for item in items(current) if item.kind is Kind.ENVIRONMENT]
        final: dict[Key, Mapping[str, Any]] = {item.key: item.members for item in others}
        final |= {step.key: step.result for step in steps if step.kind is Kind.ENVIRONMENT}
        self.environments = final
        self.allowed = connections.allowed_addresses()

    def is_kept_elsewhere(self, step: Step) -> bool:
        """Whether a group, or that of a model, is told by its environment."""
        return is_kept_elsewhere(self.kinds[step.key[:1]], step.key[1])

    def others(self, key: Key) -> Iterator[Mapping[str, Any]]:
        """The other environments as they will be."""
        return (members for other, members in self.environments.items() if other != key)


Rule = Callable[[Step, _Case], Iterable[Problem]]


def _at(step: Step, member: str, sentence: str) -> Problem:
    return Problem(inside(step.place, member), sentence)


def _repeated(steps: Iterable[Step]) -> Iterator[Problem]:
    seen: Counter[tuple[str, Key]] = Counter()
    for step in steps:
        seen[step.kind, step.key] += 1
        if seen[step.kind, step.key] > 1:
            yield Problem(step.place, gettext("This is in the file twice."))


# The rules of the tables


def _of_table(step: Step) -> Iterator[Problem]:
    """What the columns refuse of what is new, in the words of the pages."""
    if step.kind not in rows.TABLES:
        return
    identity = _identity(step) if step.verdict is Verdict.CREATE else {}
    changes = {name: step.after[name] for name in step.changed if name not in _LISTS}
    table: type[Model] = rows.TABLES[step.kind]
    values = rows.columns(step.kind, changes) | identity
    nothing = {name for name, value in values.items() if value in (None, [])}  # all are optional
    others = {field.name for field in table._meta.fields} - values.keys() | nothing
    try:
        table(**values).clean_fields(exclude=others)
    except ValidationError as refusal:
        for column, messages in refusal.message_dict.items():
            yield _at(step, _member_of(step, column), " ".join(messages))


def _member_of(step: Step, column: str) -> str:
    if step.kind is Kind.PRICE and column in prices.Named._fields:
        return "model"
    return rows.member_of(step.kind, column)


def _identity(step: Step) -> dict[str, Any]:
    """The columns that a new row is found by, within what holds it."""
    if step.kind is Kind.PRICE:
        return dict(zip(prices.Named._fields, named(step), strict=True))
    names = PARTS[step.kind].IDENTITY
    own = step.key[len(step.key) - len(names) :]
    return rows.columns(step.kind, dict(zip(names, own, strict=True)))


def named(step: Step) -> prices.Named:
    """Whose price a step is about."""
    return prices.Named(*step.key[0].split("/", 2))


# The rules of the pages


def _is_whole(step: Step, case: _Case) -> Iterator[Problem]:
    if step.before is not None:
        return
    for name in ("kind", "name"):
        if not step.after.get(name):
            sentence = gettext("A new environment needs this member.")
            yield _at(step, name, sentence)


def _stays_its_kind(step: Step, case: _Case) -> Iterator[Problem]:
    if step.before is not None and "kind" in step.changed:
        yield _at(
            step, "kind", gettext("An environment of this id is here, and is of another kind.")
        )
    is_local = step.result.get("kind") == LOCAL
    if is_local and any(other.get("kind") == LOCAL for other in case.others(step.key)):
        sentence = gettext("There is one local environment, and it has another id.")
        yield _at(step, "env_id", sentence)


def _has_its_own_name(step: Step, case: _Case) -> Iterator[Problem]:
    name = step.result.get("name")
    if name and any(other.get("name") == name for other in case.others(step.key)):
        sentence = gettext("Another environment has this name; choose another one.")
        yield _at(step, "name", sentence)


def _is_where_it_can_be(step: Step, case: _Case) -> Iterator[Problem]:
    if step.result.get("kind") == LOCAL:
        for name in _PLACE_OF_ENVIRONMENT:
            if name in step.after:
                yield _at(step, name, gettext("Only a CloudBase environment has this."))
    else:
        yield from _may_be_called(step, case)


def _may_be_called(step: Step, case: _Case) -> Iterator[Problem]:
    """New addresses lead where we may call."""
    for name in _ADDRESSES:
        if name not in step.changed or not step.after[name]:
            continue
        try:
            addresses.check(step.after[name], case.allowed)
        except CloudBaseError as refusal:
            yield _at(step, name, gettext(refusal.user_message) % refusal.params)


def _default_is_there(step: Step, case: _Case) -> Iterator[Problem]:
    if (step.after["default_environment"],) not in case.environments:
        sentence = gettext("There is no such environment, neither here nor in the file.")
        yield _at(step, "default_environment", sentence)


def _pack_can_be(step: Step, case: _Case) -> Iterator[Problem]:
    if case.kinds[step.key[:1]] != LOCAL:
        yield Problem(step.place, gettext("Only the local environment has token packs of ours."))
    used = case.here.used_tokens.get(step.key, 0)
    size = step.after["size_tokens"]
    if not 1 <= size <= packs.LARGEST:
        sentence = gettext("A pack has 1 to %(most)s tokens.") % {"most": f"{packs.LARGEST:,}"}
        yield _at(step, "size_tokens", sentence)
    elif "size_tokens" in step.changed and size < used:
        sentence = gettext(
            "%(used)s tokens of it are used already; it cannot be smaller than that."
        )
        yield _at(step, "size_tokens", sentence % {"used": f"{used:,}"})


def _says_only_ours(step: Step, case: _Case) -> Iterator[Problem]:
    if not case.is_kept_elsewhere(step):
        return
    for name in _THEIRS[step.kind]:
        if name in step.after:
            sentence = gettext(
                "This comes from the environment itself, and is only shown here. Leave it out."
            )
            yield _at(step, name, sentence)


def _names_legal_group(step: Step, case: _Case) -> Iterator[Problem]:
    name = named(step)
    try:
        ENV_ID(name.env_id)
        validate_group_name(name.group)
    except ValidationError as refusal:
        yield _at(step, "model", " ".join(refusal.messages))


def _price_can_be(step: Step, case: _Case) -> Iterator[Problem]:
    if step.verdict is Verdict.SAME:
        return
    if step.before is not None:
        sentence = gettext(
            "Another price of this model counts here from the same moment. Prices are never "
            "changed: choose another moment."
        )
        yield _at(step, "valid_from", sentence)
    tiers = [Tier.read(tier) for tier in step.after["tiers"]]
    if not tiers and step.after["words"]:
        return  # confirmed where the catalogue gave words and no figures
    try:
        prices.check(step.after["currency"], tiers)
    except ValidationError as refusal:
        member = "currency" if refusal.code == "currency" else "tiers"
        yield _at(step, member, " ".join(refusal.messages))


def _is_not_everyone(step: Step, case: _Case) -> Iterator[Problem]:
    if step.key[0] == case.here.name_of_everyone:
        sentence = gettext('Here, this is the team of everyone: use the member "everyone".')
        yield _at(step, "name", sentence)


def _has_plain_address(step: Step, case: _Case) -> Iterator[Problem]:
    if secrets.without_login(step.key[0]) != step.key[0]:
        sentence = gettext("An address has no user name, no query and no fragment here.")
        yield _at(step, "base_url", sentence)


_RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    Kind.ENVIRONMENT: (_is_whole, _stays_its_kind, _has_its_own_name, _is_where_it_can_be),
    Kind.SITE: (_default_is_there,),
    Kind.PACK: (_pack_can_be,),
    Kind.GROUP: (_says_only_ours, _may_be_called),
    Kind.MODEL: (_says_only_ours,),
    Kind.PRICE: (_names_legal_group, _price_can_be),
    Kind.TEAM: (_is_not_everyone,),
    Kind.ABILITIES: (_has_plain_address,),
}
