"""Counters say what the ledger says, whatever was written before, meanwhile and after."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from admin_models import local
from admin_models.models import AIModel, ModelGroup, Team
from chat.ledger import entries
from chat.limits import counting, holds, periods, rules
from chat.limits.holds import Count
from chat.models import Counter, Limit, Usage
from tests.chat.limits.limiting import limited, make_sure, row, rule_of, used

pytestmark = pytest.mark.django_db(transaction=True)


def visit(limit: Limit, person: User, model: AIModel) -> int:
    """What an answer that wants to begin finds on its counter."""
    [rule] = rules.loaded(Limit.objects.filter(pk=limit.pk))
    use = rules.use_of(person.pk, model)
    count = holds.count_of(rule, use, timezone.now())
    with transaction.atomic():
        return holds.visited([count])[count.key].used


@pytest.mark.parametrize(
    ("measure", "wanted"), [("tokens", 30), ("messages", 2), ("money", 300_000)]
)
def test_a_limit_starts_with_what_the_ledger_has(alice, mallory, model, measure, wanted):
    for tokens in (10, 20):
        used(alice, model, tokens, currency="CNY", cost=Decimal(tokens).scaleb(-6))
    used(mallory, model, 7, currency="CNY", cost=Decimal(1))
    limit = limited(1000, measure, currency="CNY" if measure == "money" else "")
    assert visit(limit, alice, model) == wanted


def test_what_was_used_before_the_period_does_not_count(alice, model):
    used(alice, model, 5, created_at=timezone.now() - timedelta(days=2))
    used(alice, model, 7)
    assert visit(limited(1000, "tokens"), alice, model) == 7


def test_other_models_environments_and_people_do_not_count(alice, mallory, model):
    other = AIModel.objects.create(group=model.group, name="other-model")
    used(alice, other, 1)
    used(mallory, model, 2)
    used(alice, model, 4)
    assert visit(limited(9, "tokens", model=model), alice, model) == 4
    assert visit(limited(9, "tokens", model=model, is_each=False), alice, model) == 6
    assert visit(limited(9, "tokens", person=alice), alice, model) == 5
    everywhere = limited(9, "tokens", environment=model.group.environment, is_each=False)
    assert visit(everywhere, alice, model) == 7


def test_further_steps_of_a_question_are_no_messages(alice, model):
    used(alice, model, 1)
    used(alice, model, 1, step=1)
    used(alice, model, 1, kind=Usage.Kind.TRIAL)
    assert visit(limited(9), alice, model) == 1


def test_another_currency_does_not_count(alice, model):
    used(alice, model, currency="USD", cost=Decimal(5))
    assert visit(limited(9, "money", currency="CNY"), alice, model) == 0


def test_a_team_counts_its_members_of_now(alice, mallory, model):
    team = Team.objects.create(name="Research")
    team.members.add(alice)
    limit = limited(1000, "tokens", team=team, is_each=False)
    used(alice, model, 1)
    used(mallory, model, 2)
    assert visit(limit, alice, model) == 1
    make_sure(limit)
    assert visit(limit, alice, model) == 1
    team.members.add(mallory)
    assert visit(limit, alice, model) == 3


def test_what_a_process_writes_that_has_not_heard_of_the_limit_is_counted_at_the_next_visit(
    alice, model
):
    rules.forget()
    assert not rules.current()
    limit = Limit.objects.create(measure="tokens", parts=100, period="day")
    assert visit(limit, alice, model) == 0
    used(alice, model, 5)  # this process still thinks that there are none
    assert visit(limit, alice, model) == 5


def test_once_everybody_has_heard_of_it_the_ledger_is_not_asked_again(
    alice, model, django_assert_num_queries
):
    limit = limited(100, "tokens")
    used(alice, model, 5)
    visit(limit, alice, model)
    make_sure(limit)
    visit(limit, alice, model)
    assert Counter.objects.get().is_sure
    used(alice, model, 6)
    count = Count(rule_of(limit), periods.around(limit, timezone.now()), alice.pk)
    with transaction.atomic(), django_assert_num_queries(2):
        assert holds.visited([count])[count.key].used == 11


def test_counting_costs_nothing_while_there_are_no_limits(alice, model, django_assert_num_queries):
    rules.current()
    with django_assert_num_queries(0):
        holds.settle([row(alice, model, total_tokens=9)])


def test_counters_of_periods_long_over_are_forgotten(alice, model):
    limit = limited(100, "tokens")
    visit(limit, alice, model)
    old = Counter.objects.create(limit=limit, begins_at=timezone.now() - timedelta(days=50))
    gone = Counter.objects.create(limit_id=limit.pk + 1, begins_at=timezone.now())
    always = Counter.objects.create(limit=limit, begins_at=periods.ALWAYS)
    holds.forget_old()
    left = set(Counter.objects.values_list("pk", flat=True))
    assert not {old.pk, gone.pk} & left
    assert always.pk in left
    assert len(left) == 2


# ── The law ──────────────────────────────────────────────────────────────────

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.integers(0, 1), st.integers(0, 1), st.integers(0, 500)),
        st.tuples(st.just("correct"), st.integers(0, 50), st.integers(-100, 100)),
        st.tuples(st.just("visit"), st.integers(0, 1), st.integers(0, 1)),
        st.tuples(st.just("join"), st.integers(0, 1)),
        st.tuples(st.just("leave"), st.integers(0, 1)),
        st.tuples(st.just("limit"), st.integers(0, 5)),
        st.tuples(st.just("wait")),
    ),
    max_size=30,
)


class Law(TestCase):
    """Whatever happens in whatever order, a visited counter is the full count."""

    @settings(max_examples=25, deadline=None)
    @given(STEPS)
    def test_counters_never_drift(self, steps):
        world = World()
        for name, *values in steps:
            getattr(world, name)(*values)
            rules.forget()
        world.check()


class World:
    """Two people, two models, a team, and limits of all kinds."""

    def __init__(self) -> None:
        rules.forget()
        self.people = [User.objects.create_user(name) for name in ("ann", "ben")]
        group = ModelGroup.objects.create(environment=local.environment(), name="custom-a")
        self.models = [AIModel.objects.create(group=group, name=name) for name in ("one", "two")]
        self.team = Team.objects.create(name="Team")
        self.limits: list[Limit] = []
        self.rows: list[Usage] = []

    def use(self, person: int, model: int, tokens: int) -> None:
        cost = Decimal(tokens).scaleb(-7)
        self.rows.append(
            used(self.people[person], self.models[model], tokens, currency="CNY", cost=cost)
        )

    def correct(self, number: int, tokens: int) -> None:
        if self.rows:
            of = self.rows[number % len(self.rows)]
            cost = Decimal(tokens).scaleb(-7)
            entries.write(
                [
                    row(
                        of.user,
                        of.model,
                        total_tokens=tokens,
                        currency="CNY",
                        cost=cost,
                        corrects=of,
                    )
                ]
            )

    def visit(self, person: int, model: int) -> None:
        for limit in self.limits:
            if rule_of(limit).concerns(rules.use_of(self.people[person].pk, self.models[model])):
                visit(limit, self.people[person], self.models[model])

    def join(self, person: int) -> None:
        self.team.members.add(self.people[person])

    def leave(self, person: int) -> None:
        self.team.members.remove(self.people[person])

    def limit(self, number: int) -> None:
        kinds: tuple[tuple[str, dict[str, Any]], ...] = (
            ("tokens", {}),
            ("tokens", {"is_each": False}),
            ("messages", {"team": self.team, "is_each": False}),
            ("tokens", {"team": self.team}),
            ("money", {"model": self.models[0], "currency": "CNY", "is_each": False}),
            ("messages", {"person": self.people[0]}),
        )
        measure, members = kinds[number]
        self.limits.append(limited(1000, measure, **members))

    def wait(self) -> None:
        for limit in self.limits:
            make_sure(limit)

    def check(self) -> None:
        for limit in self.limits:
            rule = rule_of(limit)
            period = periods.around(limit, timezone.now())
            for person in self.people:
                use = rules.use_of(person.pk, self.models[0])
                if rule.concerns(use):
                    found = visit(limit, person, self.models[0])
                    assert found == counting.used(rule, period, rule.person_pk(use))
