"""Operators see limits, administrators set them, and every change is written down."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from admin_models import roles
from admin_models.models import AIModel, AuditEntry, Environment, ModelGroup, Team
from chat.limits import admission, rules
from chat.limits.admission import Asked
from chat.limits.errors import LimitReached
from chat.models import Counter, Limit
from tests.chat.limits.limiting import asked, limited, used

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = {
    "measure": "tokens",
    "amount": "100000",
    "currency": "",
    "period": "day",
    "zone": "Asia/Shanghai",
    "is_each": "yes",
    "person": "",
    "team": "",
    "environment": "",
    "model": "",
    "is_hard": "yes",
}


@pytest.fixture
def admin(root):
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def operator(transactional_db):
    person = User.objects.create_user("olga")
    roles.set_role(None, person, roles.Role.OPERATIONS)
    client = Client()
    client.force_login(person)
    return client


def page(response) -> BeautifulSoup:
    return BeautifulSoup(response.content.decode(), "html.parser")


def said(response) -> str:
    return " ".join(page(response).get_text(" ").split())


def test_a_limit_is_set_changed_switched_and_deleted(admin):
    assert admin.post(reverse("limit_new"), GOOD).status_code == 302
    limit = Limit.objects.get()
    assert (limit.amount, limit.period, limit.zone) == (100_000, "day", "Asia/Shanghai")
    address = reverse("limit", args=[limit.pk])
    admin.post(address, GOOD | {"amount": "5", "measure": "messages", "is_hard": "no"})
    limit.refresh_from_db()
    assert (limit.amount, limit.measure, limit.is_hard) == (5, "messages", False)
    admin.post(reverse("limit_switch", args=[limit.pk]))
    assert not Limit.objects.get().is_on
    admin.post(reverse("limit_switch", args=[limit.pk]), {"on": ""})
    assert Limit.objects.get().is_on
    admin.post(reverse("limit_delete", args=[limit.pk]))
    assert not Limit.objects.exists()
    recorded = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(recorded) == ["limit.created", *["limit.updated"] * 3, "limit.deleted"]
    log = said(admin.get(reverse("audit_log")))
    for words in ("Limit set", "Limit changed", "Limit deleted", "time zone", "amount"):
        assert words in log


def test_money_keeps_its_decimals(admin):
    admin.post(
        reverse("limit_new"), GOOD | {"measure": "money", "amount": "12.5", "currency": "cny"}
    )
    limit = Limit.objects.get()
    assert (limit.parts, limit.currency) == (125 * 10**9, "CNY")
    assert "12.5 CNY a day for each person" in said(admin.get(reverse("limits")))
    form = page(admin.get(reverse("limit", args=[limit.pk])))
    assert form.select_one("[name=amount]")["value"] == "12.5"


def test_of_two_who_change_a_limit_at_once_the_second_is_told(admin):
    admin.post(reverse("limit_new"), GOOD)
    address = reverse("limit", args=[Limit.objects.get().pk])
    seen = page(admin.get(address)).select_one("[name=seen]")["value"]
    assert admin.post(address, GOOD | {"amount": "5", "seen": seen}).status_code == 302
    late = GOOD | {"amount": "7", "seen": seen}
    response = admin.post(address, late)
    assert (response.status_code, Limit.objects.get().amount) == (422, 5)
    form = page(response)
    assert "changed meanwhile" in form.select_one(".form-error").get_text()
    assert form.select_one("[name=amount]")["value"] == "7"
    again = late | {"seen": form.select_one("[name=seen]")["value"]}
    assert (admin.post(address, again).status_code, Limit.objects.get().amount) == (302, 7)


def test_a_limit_that_was_switched_meanwhile_can_be_changed(admin):
    admin.post(reverse("limit_new"), GOOD)
    address = reverse("limit", args=[Limit.objects.get().pk])
    seen = page(admin.get(address)).select_one("[name=seen]")["value"]
    admin.post(reverse("limit_switch", args=[Limit.objects.get().pk]))
    assert admin.post(address, GOOD | {"amount": "5", "seen": seen}).status_code == 302
    assert not Limit.objects.get().is_on


def test_an_hour_of_another_zone_is_told_as_it_is_there(admin):
    admin.post(reverse("limit_new"), GOOD | {"zone": "Asia/Kathmandu"})
    assert "00:00 +0545" in said(admin.get(reverse("limits")))


def test_answers_at_once_need_no_period(admin):
    admin.post(reverse("limit_new"), GOOD | {"measure": "answers", "amount": "3"})
    assert Limit.objects.get().period == ""


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"amount": "many"}, "amount", "Write a number in digits"),
        ({"amount": ""}, "amount", "required"),
        ({"amount": "0"}, "amount", "more than nothing"),
        ({"amount": "-3"}, "amount", "more than nothing"),
        ({"amount": "1.5"}, "amount", "Only money has decimals"),
        ({"amount": "1" + "0" * 16}, "amount", "too much"),
        ({"amount": "NaN"}, "amount", "Write a number in digits"),
        ({"measure": "money", "currency": "CNY", "amount": "1e9"}, "amount", "too much"),
        ({"measure": "money", "currency": "CNY", "amount": "0.00000000001"}, "amount", "ten dec"),
        ({"measure": "money", "currency": "XXX"}, "currency", "three letters"),
        ({"measure": "money", "currency": ""}, "currency", "three letters"),
        ({"period": ""}, "period", "Choose an hour"),
        ({"zone": "Mars/Base"}, "zone", "no time zone"),
        ({"zone": ""}, "zone", "Choose a time zone"),
    ],
)
def test_what_is_wrong_is_explained_and_what_was_typed_stays(admin, wrong, field, sentence):
    response = admin.post(reverse("limit_new"), GOOD | wrong)
    assert response.status_code == 422
    shown = page(response)
    error = shown.select_one(f"#id_{field}_error")
    assert error is not None, [one.get_text() for one in shown.select(".form-error")]
    assert sentence in error.get_text()
    name, typed = next(iter(reversed(wrong.items())))
    element = shown.select_one(f"[name={name}]")
    if element.name == "input":
        assert element.get("value", "") == typed
    assert not Limit.objects.exists()


def test_a_person_and_a_team_exclude_each_other(admin, alice):
    team = Team.objects.create(name="Research")
    response = admin.post(
        reverse("limit_new"), GOOD | {"person": str(alice.pk), "team": str(team.pk)}
    )
    assert "Choose a person or a team, not both." in said(response)


def test_a_model_of_another_environment_is_refused(admin, model):
    other = Environment.objects.create(kind="cloudbase", name="Other", env_id="other-1")
    form = GOOD | {"environment": str(other.pk), "model": str(model.pk)}
    assert "in another environment" in said(admin.post(reverse("limit_new"), form))


def test_operators_see_what_is_used_and_change_nothing(operator, alice, mallory, model):
    limit = limited(4)
    for person in (alice, alice, mallory):
        message = asked(person, model)
        admission.admit(Asked(message.pk, person.pk, model, prompt_tokens=lambda: 1))
    index = operator.get(reverse("limits"))
    assert "4 messages a day for each person" in said(index)
    assert page(index).select_one("meter")["value"] == "50"
    assert "the most of 2 people" in said(index)
    one = page(operator.get(reverse("limit", args=[limit.pk])))
    rows = [row.get_text(" ", strip=True).split()[0] for row in one.select("tbody tr")]
    assert rows == ["alice", "mallory"]
    assert not one.select("form[method=post] [name=amount]")
    operator.post(reverse("limit", args=[limit.pk]), GOOD)
    assert Limit.objects.get().measure == "messages"


def test_together_shows_what_the_ledger_has_even_if_nobody_asked_since(operator, alice, model):
    used(alice, model, 30)
    limited(100, "tokens", is_each=False)
    shown = page(operator.get(reverse("limits")))
    assert shown.select_one("meter")["value"] == "30"
    assert "30 of 100" in said(operator.get(reverse("limits")))


def test_the_page_says_what_was_used_before_the_limit_too(operator, alice, model):
    used(alice, model, 10)
    limit = limited(100, "tokens")
    used(alice, model, 20)  # the counter knows of these alone, until alice asks
    assert Counter.objects.get(limit=limit).used == 20
    assert page(operator.get(reverse("limits"))).select_one("meter")["value"] == "30"


def test_many_limits_cost_a_few_queries_each(operator, alice, model, django_assert_max_num_queries):
    for _ in range(10):
        limited(100, "tokens", is_each=False)
    with django_assert_max_num_queries(10 + 3 * 10):
        operator.get(reverse("limits"))


def test_a_limit_that_was_off_starts_with_what_the_ledger_has(admin, alice, model):
    limit = limited(100, "tokens")
    admission.admit(Asked(asked(alice, model).pk, alice.pk, model, prompt_tokens=lambda: 0))
    admin.post(reverse("limit_switch", args=[limit.pk]))
    used(alice, model, 100)
    admin.post(reverse("limit_switch", args=[limit.pk]), {"on": ""})
    rules.forget()
    with pytest.raises(LimitReached):
        admission.admit(Asked(asked(alice, model).pk, alice.pk, model, prompt_tokens=lambda: 0))


def test_a_form_with_many_models_asks_for_them_once(admin, model, django_assert_max_num_queries):
    group = ModelGroup.objects.create(environment=model.group.environment, name="custom-many")
    AIModel.objects.bulk_create(AIModel(group=group, name=f"m-{n}") for n in range(50))
    with django_assert_max_num_queries(12):
        admin.get(reverse("limit_new"))
