"""Prices: which one counts when, and the pages on which they are read and set."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from admin_models import local, prices
from admin_models.models import AIModel, AuditEntry, ModelGroup, Price, Tier
from admin_models.prices import Named
from tests.pages.html import page, the, words

pytestmark = pytest.mark.usefixtures("transactional_db")

NAME = Named("local", "custom-lab", "meta/llama-3")
TYPED = {"currency": "cny", "input_0": "2", "output_0": "8"}
A_DAY = timedelta(days=1)


@pytest.fixture
def environment():
    return local.environment()


@pytest.fixture
def group(environment):
    return ModelGroup.objects.create(
        environment=environment, name=NAME.group, base_url="https://llm.example/v1"
    )


@pytest.fixture
def llama(group):
    return AIModel.objects.create(group=group, name=NAME.model)


@pytest.fixture
def browser(client, root):
    client.force_login(root)
    return client


def price(
    amount: str, valid_from: datetime | None = None, name: Named = NAME, **members: Any
) -> Price:
    """A row as others write it, for any moment."""
    tiers = [Tier(Decimal(amount), Decimal(8)).stored()]
    values = {"currency": "CNY", "tiers": tiers, "set_by": "somebody"} | members
    return Price.objects.create(**name._asdict(), valid_from=valid_from or timezone.now(), **values)


def address(environment, name: Named = NAME) -> str:
    return reverse("model_prices", args=[environment.pk, name.group, name.model])


def overview(browser, environment, **query: str):
    return page(browser.get(reverse("environment_prices", args=[environment.pk]), query))


def rows(soup) -> list[str]:
    return [words(row) for row in soup.select("tbody tr")]


# Which one counts


def test_the_newest_price_that_has_begun_counts():
    now = timezone.now()
    older, newer = price("1", now - 2 * A_DAY), price("2", now - A_DAY)
    planned = price("3", now + A_DAY)
    assert prices.current(*NAME) == newer
    assert prices.current(*NAME, at=now - 1.5 * A_DAY) == older
    assert prices.current(*NAME, at=now + 2 * A_DAY) == planned
    assert prices.current(*NAME, at=now - 3 * A_DAY) is None


def test_of_two_from_the_same_moment_the_one_set_later_counts():
    moment = timezone.now() - A_DAY
    price("1", moment)
    corrected = price("2", moment)
    assert prices.current(*NAME) == corrected
    assert prices.current_of([NAME]) == {NAME: corrected}
    assert prices.current_in("local", [NAME.model]) == {NAME: corrected}


def test_many_models_are_looked_up_in_one_query(django_assert_num_queries):
    names = [Named("local", "custom-lab", f"m{number}") for number in range(4)]
    now = timezone.now()
    newest = {}
    for name in names[:3]:
        price("1", now - 3 * A_DAY, name)
        newest[name] = price("2", now - A_DAY, name)
        price("3", now + A_DAY, name)
    price("9", now, Named("elsewhere", "custom-lab", "m0"))
    with django_assert_num_queries(1):
        assert prices.current_of(names) == newest
    with django_assert_num_queries(1):
        assert prices.current_in("local", {name.model for name in names}) == newest
    with django_assert_num_queries(0):
        assert prices.current_of([]) == {}


def test_the_next_price_is_the_one_that_begins_first():
    now = timezone.now()
    price("9", now + 2 * A_DAY)
    price("1", now + A_DAY)
    corrected = price("2", now + A_DAY)
    assert prices.planned_in("local", [NAME.model]) == {NAME: corrected}


# What no price can be


@pytest.mark.parametrize(
    ("currency", "tiers", "code"),
    [
        ("XYZ", [Tier(Decimal(1), Decimal(1))], "currency"),
        ("cny", [Tier(Decimal(1), Decimal(1))], "currency"),
        ("CNY", [], "tiers"),
        ("CNY", [Tier(Decimal(1), Decimal(1), above=n) for n in range(5)], "tiers"),
        ("CNY", [Tier(Decimal(1), Decimal(1), above=1)], "order"),
        ("CNY", [Tier(Decimal(1), Decimal(1), above=n) for n in (0, 9, 9)], "order"),
        ("CNY", [Tier(Decimal(1), Decimal(1), above=n) for n in (0, 10**9)], "order"),
        ("CNY", [Tier(Decimal(-1), Decimal(1))], "figures"),
        ("CNY", [Tier(Decimal(1), Decimal("NaN"))], "figures"),
        ("CNY", [Tier(Decimal(1), Decimal(1), Decimal("Infinity"))], "figures"),
        ("CNY", [Tier(Decimal("0.00001"), Decimal(1))], "figures"),
        ("CNY", [Tier(Decimal(1), Decimal(1_000_001))], "figures"),
    ],
)
def test_what_is_no_price_is_refused_and_nothing_is_kept(root, currency, tiers, code):
    with pytest.raises(ValidationError) as refused:
        prices.set_price(root, NAME, currency=currency, tiers=tiers)
    assert refused.value.code == code
    assert refused.value.messages
    assert not Price.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_price_of_nothing_is_a_price(root):
    free = prices.set_price(root, NAME, currency="CNY", tiers=[Tier(Decimal(0), Decimal(0))])
    assert prices.current(*NAME) == free


def test_no_price_is_set_for_what_is_over(root):
    long_ago = timezone.now() - A_DAY
    tiers = [Tier(Decimal(1), Decimal(1))]
    made = prices.set_price(root, NAME, currency="CNY", tiers=tiers, valid_from=long_ago)
    assert timezone.now() - made.valid_from < timedelta(minutes=1)


# The list of an environment


def test_a_model_without_a_price_is_never_said_to_be_free(browser, environment, llama):
    soup = overview(browser, environment)
    assert "no price: counted, never free" in rows(soup)[0]
    assert "1 model has no price" in words(the(soup, ".desk-head"))
    price("0")
    soup = overview(browser, environment)
    assert "question 0, answer 8 CNY for a million tokens" in rows(soup)[0]
    assert "no price" not in words(soup)


def test_the_list_shows_what_counts_and_what_is_planned(browser, environment, llama):
    price("2")
    price("3.50", timezone.now() + A_DAY, currency="USD")
    said = rows(overview(browser, environment))[0]
    assert "question 2, answer 8 CNY for a million tokens" in said
    assert "question 3.5, answer 8 USD for a million tokens from" in said


def test_the_list_can_be_narrowed_to_models_without_a_price(browser, environment, group, llama):
    AIModel.objects.create(group=group, name="other")
    price("2")
    soup = overview(browser, environment, without="")
    assert [words(the(row, "a")) for row in soup.select("tbody tr")] == ["other"]
    price("2", name=Named("local", NAME.group, "other"))
    assert "Every model has a price" in words(overview(browser, environment, without=""))


def test_models_that_are_gone_keep_their_prices_within_reach(browser, environment):
    price("2")
    soup = overview(browser, environment)
    link = the(soup, ".names a")
    assert link["href"] == address(environment)
    assert browser.get(link["href"]).status_code == 200


def test_a_catalogue_price_shows_the_words_that_were_confirmed(browser, environment, llama):
    price("2", words="0-16k: question 0.002 per 1k tokens", set_by="root")
    assert "0-16k: question 0.002 per 1k tokens" in rows(overview(browser, environment))[0]
    assert "0-16k: question 0.002" in rows(page(browser.get(address(environment))))[0]


def test_words_without_figures_are_counted_and_never_free(browser, environment, llama):
    price("2", words="ask your salesman", tiers=[])
    said = rows(overview(browser, environment))[0]
    assert "no figures: counted, never free" in said
    assert "ask your salesman" in said
    assert browser.get(address(environment)).status_code == 200


def test_a_large_environment_takes_as_many_queries_as_a_small_one(browser, environment, group):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            overview(browser, environment)
        return len(seen)

    AIModel.objects.create(group=group, name="m")
    before = queries()
    AIModel.objects.bulk_create(AIModel(group=group, name=f"m{n}") for n in range(250))
    for number in range(30):
        price("2", name=Named("local", NAME.group, f"m{number}"))
    assert queries() == before
    assert "Page 2 of 3" in words(overview(browser, environment, page="2"))


# The prices of a model


def test_a_price_is_set_and_recorded(browser, environment, llama, root):
    response = browser.post(address(environment), TYPED | {"cached_0": "0.5"}, follow=True)
    row = Price.objects.get()
    assert (row.currency, row.set_by) == ("CNY", root.username)
    assert list(row.all_tiers()) == [Tier(Decimal(2), Decimal(8), Decimal("0.5"))]
    assert "question 2, cached 0.5, answer 8" in rows(page(response))[0]
    assert "counts now" in rows(page(response))[0]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject_key) == ("price.set", "local/custom-lab/meta/llama-3")
    assert entry.before == {}
    assert entry.after["currency"] == "CNY"


def test_a_mistake_is_corrected_by_a_newer_price(browser, environment, llama):
    for amount in ("20", "2"):
        browser.post(address(environment), TYPED | {"input_0": amount})
    first, second = rows(page(browser.get(address(environment))))
    assert "question 2," in first
    assert "counts now" in first
    assert "question 20," in second
    assert "over" in second
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert entry.before["tiers"][0]["input"] == "20"


def test_a_later_price_is_planned_until_it_counts(browser, environment, llama):
    soon = timezone.localtime(timezone.now() + A_DAY).strftime("%Y-%m-%dT%H:%M")
    browser.post(address(environment), TYPED)
    browser.post(address(environment), TYPED | {"input_0": "3", "valid_from": soon})
    planned, current = rows(page(browser.get(address(environment))))
    assert "planned" in planned
    assert "counts now" in current


def test_a_planned_price_that_was_corrected_is_over(browser, environment, llama):
    moment = timezone.now() + A_DAY
    price("1", moment)
    price("2", moment)
    corrected, mistaken = rows(page(browser.get(address(environment))))
    assert "planned" in corrected
    assert "over" in mistaken


def test_a_price_has_several_tiers(browser, environment, llama):
    second = {"above_1": "32000", "input_1": "4", "output_1": "16"}
    browser.post(address(environment), TYPED | second)
    said = rows(page(browser.get(address(environment))))[0]
    assert "up to 32,000 tokens: question 2, answer 8" in said
    assert "over 32,000 tokens: question 4, answer 16" in said


def test_the_form_begins_with_the_price_that_counts(browser, environment, llama):
    second = {"above_1": "32000", "input_1": "4", "output_1": "16", "cached_1": "0.25"}
    browser.post(address(environment), TYPED | {"currency": "USD"} | second)
    soup = page(browser.get(address(environment)))
    for name, value in {"currency": "USD", "input_0": "2"}.items() | second.items():
        assert the(soup, f"[name={name}]")["value"] == value
    assert the(soup, "details.more").has_attr("open")


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"input_0": ""}, "input_0", "required"),
        ({"input_0": "two"}, "input_0", "Write a number"),
        ({"input_0": "NaN"}, "input_0", "Write a number"),
        ({"input_0": "-1"}, "input_0", "not below zero"),
        ({"output_0": "1e30"}, "output_0", "Nothing costs more"),
        ({"output_0": "0.00001"}, "output_0", "4 decimal places"),
        ({"currency": "RMB"}, None, "RMB is no currency"),
        ({"currency": "¥"}, None, "¥ is no currency"),
        ({"currency": ""}, "currency", "required"),
        ({"valid_from": "2020-01-01T00:00"}, "valid_from", "is over"),
        ({"above_1": "9"}, "input_1", "lacks this figure"),
        ({"cached_1": "9"}, "above_1", "lacks this figure"),
        (
            {"above_1": "0", "input_1": "1", "output_1": "1"},
            "above_1",
            "greater than or equal to 1",
        ),
        (
            {"above_1": "9", "input_1": "1", "output_1": "1"}
            | {"above_2": "9", "input_2": "1", "output_2": "1"},
            None,
            "The first tier begins at 0",
        ),
    ],
)
def test_a_price_that_cannot_be_is_refused_and_what_was_typed_stays(
    browser, environment, llama, typed, field, says
):
    response = browser.post(address(environment), TYPED | typed)
    assert response.status_code == 422
    soup = page(response)
    place = f"#id_{field}_error" if field else "form > .form-error"
    assert says in words(the(soup, place))
    for name, value in typed.items():
        assert the(soup, f"[name={name}]").get("value", "") == value
    assert not Price.objects.exists()


def test_a_model_that_nobody_knows_has_no_page(browser, environment, group):
    assert browser.get(address(environment)).status_code == 404
    assert browser.post(address(environment), TYPED).status_code == 404
    assert not Price.objects.exists()


def test_a_model_of_another_environment_has_no_page_here(browser, environment, llama):
    from_elsewhere = Named("lab-1", NAME.group, "other")
    price("2", name=from_elsewhere)
    assert browser.get(address(environment, from_elsewhere)).status_code == 404


def test_nobody_else_sees_or_sets_a_price(client, environment, llama, alice):
    client.force_login(alice)
    listed = reverse("environment_prices", args=[environment.pk])
    assert client.get(listed).status_code == 404
    assert client.get(address(environment)).status_code == 404
    assert client.post(address(environment), TYPED).status_code == 404
    assert not Price.objects.exists()
