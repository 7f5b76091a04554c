"""Token packs are issued, extended, withdrawn and given back on pages, and each is recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from admin_models import local, packs
from admin_models.models import AuditEntry, Environment, TokenPack
from tests.pages.html import page, the, words

pytestmark = pytest.mark.usefixtures("transactional_db")

SHAPE = "%Y-%m-%dT%H:%M"


@pytest.fixture
def environment():
    return local.environment()


@pytest.fixture
def pack(environment):
    return environment.packs.get()


@pytest.fixture
def browser(client, root):
    client.force_login(root)
    return client


def address(name: str, environment: Environment, *arguments: int) -> str:
    return reverse(name, args=[environment.pk, *arguments])


def shown(browser, environment):
    return page(browser.get(address("environment_packs", environment)))


def row_of(soup, pack: TokenPack):
    return next(
        row for row in soup.select("tbody tr") if words(the(row, "code")) == pack.package_id
    )


def entry() -> AuditEntry:
    """The newest record."""
    newest = AuditEntry.objects.first()
    assert newest is not None
    return newest


def in_days(days: int) -> str:
    return timezone.localtime(timezone.now() + timedelta(days=days)).strftime(SHAPE)


def test_a_pack_shows_its_size_what_is_used_and_what_is_left(browser, environment, pack):
    TokenPack.objects.update(size_tokens=1_000_000, used_tokens=250_000)
    said = words(row_of(shown(browser, environment), pack))
    assert "active used now" in said
    assert "250,000 of 1,000,000" in said
    assert "750,000" in said
    assert "never" in said


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"used_tokens": 10_000_001}, "used up"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expired"),
        ({"is_disabled": True}, "withdrawn"),
    ],
)
def test_a_pack_that_does_not_pay_says_why(browser, environment, pack, values, says):
    TokenPack.objects.update(**values)
    soup = shown(browser, environment)
    assert says in words(row_of(soup, pack))
    assert "No pack pays." in words(the(soup, ".aside"))


def test_the_pack_that_is_drawn_on_is_marked(browser, environment, pack):
    soon = TokenPack.objects.create(
        environment=environment, size_tokens=5, expires_at=timezone.now() + timedelta(days=1)
    )
    soup = shown(browser, environment)
    assert "used now" in words(row_of(soup, soon))
    assert "used now" not in words(row_of(soup, pack))
    assert TokenPack.objects.paying().first() == soon


def test_without_a_pack_the_page_says_what_that_means(browser, environment):
    TokenPack.objects.all().delete()
    assert "cannot be called" in words(the(shown(browser, environment), ".empty"))


def test_a_pack_is_issued_and_recorded(browser, environment, root):
    typed = {"size_tokens": "5000", "expires_at": in_days(3)}
    response = browser.post(address("pack_new", environment), typed, follow=True)
    made = TokenPack.objects.first()
    assert made is not None
    assert (made.size_tokens, made.used_tokens, made.environment) == (5000, 0, environment)
    assert made.expires_at is not None
    assert timezone.localtime(made.expires_at).strftime(SHAPE) == typed["expires_at"]
    assert f"{made.package_id} was issued." in words(the(page(response), ".messages"))
    recorded = entry()
    assert (recorded.action, recorded.actor) == ("pack.issued", root.username)
    assert recorded.subject_key == f"local/{made.package_id}"
    assert recorded.after["size_tokens"] == 5000


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"size_tokens": ""}, "size_tokens", "required"),
        ({"size_tokens": "many"}, "size_tokens", "digits"),
        ({"size_tokens": "0"}, "size_tokens", "at least one"),
        ({"size_tokens": "-5"}, "size_tokens", "at least one"),
        ({"size_tokens": str(packs.LARGEST + 1)}, "size_tokens", "The largest pack"),
        ({"size_tokens": "9" * 400}, "size_tokens", "The largest pack"),
        ({"size_tokens": "1e4000"}, "size_tokens", "digits"),
        ({"expires_at": "tomorrow"}, "expires_at", "a day and a time"),
        ({"expires_at": "2020-01-01T00:00"}, "expires_at", "is over"),
        ({"expires_at": "0001-01-01T00:00"}, "expires_at", "is over"),
        ({"expires_at": "9999-12-31T23:59"}, "expires_at", "a hundred years"),
    ],
)
def test_a_pack_that_cannot_be_is_refused_where_it_was_typed(
    browser, environment, typed, field, says
):
    values = {"size_tokens": "5000", "expires_at": ""} | typed
    response = browser.post(address("pack_new", environment), values)
    assert response.status_code == 422
    soup = page(response)
    assert says in words(the(soup, f"#id_{field}_error"))
    assert the(soup, f"[name={field}]").get("value", "") == values[field]
    assert TokenPack.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_a_pack_is_extended_in_size_and_time_and_keeps_what_was_used(browser, environment, pack):
    TokenPack.objects.update(used_tokens=7)
    where = address("pack_extend", environment, pack.pk)
    soup = page(browser.get(where))
    assert the(soup, "[name=size_tokens]")["value"] == str(pack.size_tokens)
    browser.post(where, {"size_tokens": "20000000", "expires_at": in_days(30)})
    changed = TokenPack.objects.get(pk=pack.pk)
    assert (changed.size_tokens, changed.used_tokens) == (20_000_000, 7)
    recorded = entry()
    assert recorded.action == "pack.extended"
    assert recorded.before == {"size_tokens": 10_000_000, "expires_at": None}
    assert recorded.after["size_tokens"] == 20_000_000


def test_a_pack_cannot_be_made_smaller_than_what_was_used(browser, environment, pack):
    TokenPack.objects.update(used_tokens=5_000)
    where = address("pack_extend", environment, pack.pk)
    response = browser.post(where, {"size_tokens": "4999"})
    assert response.status_code == 422
    assert "5,000 tokens of it are used" in words(the(page(response), "#id_size_tokens_error"))
    assert browser.post(where, {"size_tokens": "5000"}).status_code == 302


def test_saving_a_pack_as_it_is_records_nothing(browser, environment, pack):
    where = address("pack_extend", environment, pack.pk)
    browser.post(where, {"size_tokens": str(pack.size_tokens), "expires_at": ""})
    assert not AuditEntry.objects.exists()


def test_a_pack_is_withdrawn_and_given_back(browser, environment, pack):
    for name, says, is_disabled in [
        ("pack_withdraw", "was withdrawn", True),
        ("pack_give_back", "can be used again", False),
    ]:
        response = browser.post(address(name, environment, pack.pk), follow=True)
        assert says in words(the(page(response), ".messages"))
        assert TokenPack.objects.get().is_disabled is is_disabled
        assert entry().after == {"is_disabled": is_disabled}
    assert entry().action == "pack.given_back"


def test_an_environment_of_the_vendor_has_no_packs_of_ours(browser, environment, pack):
    cloud = Environment.objects.create(kind="cloudbase", name="Lab", env_id="lab-1")
    assert browser.get(address("environment_packs", cloud)).status_code == 404
    assert browser.get(address("pack_extend", cloud, pack.pk)).status_code == 404
    far_away = reverse("pack_extend", args=[10**17, pack.pk])
    assert browser.get(far_away).status_code == 404


@pytest.mark.parametrize("name", ["pack_withdraw", "pack_give_back", "pack_extend"])
def test_a_pack_that_is_not_there_is_not_found(browser, environment, name):
    for number in (999, 10**17):
        assert browser.post(address(name, environment, number)).status_code == 404


def test_nobody_else_sees_or_changes_a_pack(client, environment, pack, alice):
    client.force_login(alice)
    assert client.get(address("environment_packs", environment)).status_code == 404
    for name in ("pack_withdraw", "pack_give_back", "pack_extend"):
        assert client.post(address(name, environment, pack.pk)).status_code == 404
    assert client.post(address("pack_new", environment), {"size_tokens": 5}).status_code == 404
    assert list(TokenPack.objects.all()) == [pack]


def test_the_list_takes_as_many_queries_for_many_packs(
    browser, environment, django_assert_max_num_queries
):
    for _ in range(30):
        TokenPack.objects.create(environment=environment, size_tokens=5)
    with django_assert_max_num_queries(8):
        shown(browser, environment)
