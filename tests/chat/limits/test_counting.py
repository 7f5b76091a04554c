"""What the totals say of a limit is what its rows weigh."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet
from hypothesis import given
from hypothesis import strategies as st

from admin_models.models import AIModel, Environment, ModelGroup
from chat.limits import counting, periods, rules
from chat.limits.rules import Rule
from chat.models import Limit, Usage
from tests.chat.ledger import rows as some
from tests.chat.ledger.rows import anything, taken_back

pytestmark = pytest.mark.usefixtures("transactional_db")

ENVIRONMENT = Environment(env_id="env-1")
MODEL = AIModel(name="m", group=ModelGroup(name="custom-a", environment=ENVIRONMENT))


def _rule(
    measure: str, period: str, zone: str, members: dict[str, Any], people: frozenset[int] | None
) -> Rule:
    currency = "CNY" if measure == "money" else ""
    limit = Limit(measure=measure, period=period, zone=zone, currency=currency, **members)
    return Rule(limit, people)


any_rule = st.builds(
    _rule,
    st.sampled_from(["tokens", "money", "messages"]),
    st.sampled_from(["hour", "day", "month"]),
    st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Auckland"]),
    st.sampled_from([{}, {"environment": ENVIRONMENT}, {"model": MODEL}]),
    st.none() | st.frozensets(st.sampled_from([1, 2, 3])),
)


def weighed(rule: Rule, rows: QuerySet[Usage]) -> int:
    """The sum of what each row weighs."""
    return sum(
        counting.weight(rule.limit, row) for row in rows if rule.concerns(rules.use_of_row(row))
    )


@anything
@given(some.batches, any_rule, some.moments, some.zones)
def test_what_is_used_is_what_rows_weigh(batches, rule, moment, zone):
    with taken_back(zone):
        some.write(batches)
        period = periods.around(rule.limit, moment)
        rule.limit.is_each = False
        rows = Usage.objects.filter(created_at__gte=period.begin, created_at__lt=period.end)
        assert counting.used(rule, period) == weighed(rule, rows)
        rule.limit.is_each = True
        people = [pk for pk in (1, 2, 3) if rule.people is None or pk in rule.people]
        by_person = counting.used_by(rule, period, people)
        for pk in people:
            theirs = weighed(rule, rows.filter(user_id=pk))
            assert counting.used(rule, period, pk) == by_person[pk] == theirs


def test_answers_at_once_are_not_in_the_ledger(django_assert_num_queries):
    rule = Rule(Limit(measure="answers", period=""), None)
    with django_assert_num_queries(0):
        assert counting.used(rule, periods.around(rule.limit, some.NOW)) == 0


def test_a_month_costs_as_many_queries_as_its_edges_need(django_assert_max_num_queries):
    rule = _rule("tokens", "month", "Asia/Kolkata", {}, None)
    with django_assert_max_num_queries(7):
        counting.used(rule, periods.around(rule.limit, some.NOW))
    with django_assert_max_num_queries(3):
        counting.used_by(rule, periods.around(rule.limit, some.NOW), [1, 2])
