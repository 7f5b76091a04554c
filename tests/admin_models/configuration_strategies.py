"""Any legal configuration, as hypothesis finds them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import UNSET

from admin_models.configuration import sections
from admin_models.configuration.format import (
    Abilities,
    Configuration,
    Environment,
    Everyone,
    Group,
    Model,
    Pack,
    Price,
    Team,
    Tier,
    in_order,
    plain,
)
from chat.configuration.limits import LimitPart

PEOPLE = ("alice", "bob", "李雷")

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20).map(
    str.strip
)
names = st.text("abcdefg-/.:7密 ", min_size=1, max_size=12).filter(str.strip)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
urls = st.sampled_from(["", "https://a.example/v1", "https://b.example:8443/v1"])
amounts = st.integers(0, 10**9).map(lambda figure: f"{figure / 1000:.4f}")
numbers = st.one_of(
    st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
free = st.recursive(
    st.one_of(st.none(), numbers, words),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
parameters = st.dictionaries(st.sampled_from(["temperature", "max_tokens", "top_p", "x"]), free)


def unique(part: Any, by: str, **named: Any) -> Any:
    return st.lists(part, unique_by=lambda each: getattr(each, by), **named).map(
        lambda parts: sorted(parts, key=lambda each: getattr(each, by))
    )


ours: dict[str, Any] = {
    "name": names,
    "label": words,
    "context_length": st.none() | st.integers(256, 100_000_000),
    "parameters": parameters.map(in_order),
    "notice": words,
}
local_models = st.builds(
    Model,
    **ours,
    enabled=st.booleans(),
    enable_mcp=st.booleans(),
    tags=st.lists(words, max_size=3),
)
mirrored_models = st.builds(
    Model, **ours, enabled=st.just(UNSET), enable_mcp=st.just(UNSET), tags=st.just(UNSET)
)
custom_names = st.sampled_from(["custom-a", "custom-b", "custom-lab"])
local_groups = st.one_of(
    st.builds(
        Group,
        name=custom_names,
        base_url=urls,
        enabled=st.booleans(),
        remark=words,
        models=unique(local_models, "name", max_size=3),
    ),
    st.builds(
        Group,
        name=st.just("cloudbase"),
        base_url=st.just(UNSET),
        enabled=st.just(UNSET),
        remark=st.just(UNSET),
        models=unique(mirrored_models, "name", max_size=2),
    ),
)
mirrored_groups = st.builds(
    Group,
    name=custom_names | st.sampled_from(["cloudbase", "hunyuan-exp"]),
    base_url=st.just(UNSET),
    enabled=st.just(UNSET),
    remark=st.just(UNSET),
    models=unique(mirrored_models, "name", max_size=3),
)
packs = st.builds(
    Pack,
    issued_at=moments,
    size_tokens=st.integers(1, 10**12),
    expires_at=st.none() | moments,
    disabled=st.booleans(),
)
local = st.builds(
    Environment,
    env_id=st.just("local"),
    kind=st.just("local"),
    name=st.just("Local"),
    enabled=st.booleans(),
    region=st.just(UNSET),
    international=st.just(UNSET),
    base_url=st.just(UNSET),
    control_url=st.just(UNSET),
    packs=unique(packs, "issued_at", max_size=2),
    groups=unique(local_groups, "name", max_size=3),
)
clouds = st.builds(
    Environment,
    env_id=st.sampled_from(["env-a", "env-b", "lab_1"]),
    kind=st.just("cloudbase"),
    name=st.sampled_from(["Demo", "测试", "Lab 2"]),
    enabled=st.booleans(),
    region=st.just("ap-shanghai"),
    international=st.booleans(),
    base_url=urls,
    control_url=urls,
    packs=st.just([]),
    groups=unique(mirrored_groups, "name", max_size=2),
)
tiers = st.builds(Tier, above=st.just(0), input=amounts, output=amounts, cached=st.none() | amounts)
prices = st.builds(
    Price,
    model=st.sampled_from(["local/custom-a/m", "env-a/cloudbase/deepseek/v4", "gone/custom-x/m"]),
    valid_from=moments,
    currency=st.sampled_from(["CNY", "USD"]),
    tiers=st.lists(tiers, min_size=1, max_size=1),
    words=words,
)
abilities = st.builds(
    Abilities,
    base_url=urls.filter(bool),
    model=names,
    tried_at=moments,
    **dict.fromkeys(
        ("streams", "reports_usage", "accepts_tools", "accepts_images", "emits_reasoning"),
        st.none() | st.booleans(),
    ),
)


@st.composite
def configurations(draw: Any) -> Configuration:
    """A whole one, in the order in which it is exported."""
    found = [*draw(st.lists(local, max_size=1)), *draw(st.lists(clouds, max_size=2))]
    environments = sorted(
        {each.name: each for each in found}.values(), key=lambda each: each.env_id
    )
    by_id = {each.env_id: each for each in environments}
    environments = list(by_id.values())
    allowed = _allowing(draw, environments)
    default = draw(st.sampled_from([*by_id, UNSET]))
    history = draw(st.lists(prices, max_size=4, unique_by=lambda p: (p.model, p.valid_from)))
    teams = draw(st.lists(st.sampled_from(["Lab", "学生", "a"]), unique=True))
    seen = draw(st.lists(abilities, max_size=2, unique_by=lambda a: (a.base_url, a.model)))
    allowing = draw(st.sets(limits(environments, teams), max_size=4))
    whole: Any = sections.whole()  # its members are known only now
    made: Configuration = whole(
        default_environment=default,
        environments=environments,
        prices=sorted(history, key=lambda p: (*p.model.split("/", 2), p.valid_from)),
        everyone=Everyone(**allowed()),
        teams=[
            Team(
                name=name,
                **allowed(),
                members=sorted(draw(st.sets(st.sampled_from(PEOPLE)))),
            )
            for name in sorted(teams)
        ],
        abilities=sorted(seen, key=lambda a: (a.base_url, a.model)),
        limits=sorted(allowing, key=msgspec.json.encode),
    )
    return made


@st.composite
def limits(draw: Any, environments: list[Environment], teams: list[str]) -> LimitPart:
    """A limit of what is there."""
    measure = draw(st.sampled_from(["tokens", "money", "messages", "answers"]))
    is_money = measure == "money"
    whom = draw(st.sampled_from(["person", "team", ""] if teams else ["person", ""]))
    places = _models_of(environments)
    model = draw(st.sampled_from([*places, UNSET]))
    allowed = [env.env_id for env in environments] if model is UNSET else [places[model]]
    amounts = st.integers(1, 9 * 10**8) if is_money else st.integers(1, 10**15)
    places_after = draw(st.integers(0, 10)) if is_money else 0
    return LimitPart(
        measure=measure,
        amount=plain(str(Decimal(draw(amounts)).scaleb(-places_after))),
        currency=draw(st.sampled_from(["CNY", "USD"])) if is_money else "",
        period="" if measure == "answers" else draw(st.sampled_from(["hour", "day", "month"])),
        zone=draw(st.sampled_from(["UTC", "Asia/Shanghai"])),
        person=draw(st.sampled_from(PEOPLE)) if whom == "person" else UNSET,
        team=draw(st.sampled_from(teams)) if whom == "team" else UNSET,
        environment=draw(st.sampled_from([*allowed, UNSET])),
        model=model,
        each=True if whom == "person" else draw(st.booleans()),
        hard=draw(st.booleans()),
        enabled=draw(st.booleans()),
    )


def _models_of(environments: list[Environment]) -> dict[str, str]:
    """Every model, and the environment that it is in."""
    return {
        f"{each.env_id}/{group.name}/{model.name}": each.env_id
        for each in environments
        for group in each.groups
        for model in group.models
    }


def _allowing(draw: Any, environments: list[Environment]) -> Any:
    """What teams may be allowed: what is there."""
    groups = [f"{each.env_id}/{group.name}" for each in environments for group in each.groups]
    models = [*_models_of(environments)]

    def allowed() -> dict[str, Any]:
        return {
            "allows_all": draw(st.booleans()),
            "groups": _some(draw, groups),
            "models": _some(draw, models),
        }

    return allowed


def _some(draw: Any, names: list[str]) -> list[str]:
    return sorted(draw(st.sets(st.sampled_from(names)))) if names else []
