"""Token packs: what the local environment's managed models may use."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone

from admin_models import local
from admin_models.models import PackStatus, TokenPack

pytestmark = pytest.mark.django_db


def issue(**values: object) -> TokenPack:
    return TokenPack.objects.create(
        environment=local.environment(), **{"size_tokens": 100, **values}
    )


@pytest.fixture
def nothing():
    """The environment without its first pack."""
    local.environment().packs.all().delete()


def used() -> dict[int, int]:
    return dict(TokenPack.objects.values_list("pk", "used_tokens"))


def test_a_new_installation_has_one_pack_and_gets_no_second():
    for _ in range(2):
        local.environment()
    assert [pack.status for pack in TokenPack.objects.all()] == [PackStatus.ACTIVE]


def test_an_installation_of_an_earlier_version_gets_its_pack_once(nothing):
    migration = import_module("admin_models.migrations.0003_first_pack")
    for _ in range(2):
        migration.issue(apps, None)
    assert TokenPack.objects.get().size_tokens == local.FIRST_PACK_TOKENS


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, PackStatus.ACTIVE),
        ({"used_tokens": 99}, PackStatus.ACTIVE),
        ({"used_tokens": 100}, PackStatus.EXPIRED),
        ({"used_tokens": 130}, PackStatus.EXPIRED),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, PackStatus.EXPIRED),
        ({"expires_at": timezone.now() + timedelta(days=1)}, PackStatus.ACTIVE),
        ({"is_disabled": True}, PackStatus.DISABLED),
    ],
)
def test_a_pack_pays_until_it_is_used_up_over_or_disabled(nothing, values, status):
    pack = issue(**values)
    assert pack.status == status
    assert TokenPack.objects.paying().exists() is (status == PackStatus.ACTIVE)


def test_the_pack_that_expires_first_is_used_first(nothing):
    never = issue()
    later = issue(expires_at=timezone.now() + timedelta(days=9))
    sooner = issue(expires_at=timezone.now() + timedelta(days=1))
    over = issue(expires_at=timezone.now() - timedelta(days=1))
    TokenPack.objects.draw_down(30)
    assert used() == {never.pk: 0, later.pk: 0, sooner.pk: 30, over.pk: 0}
    TokenPack.objects.draw_down(90)
    TokenPack.objects.draw_down(5)
    assert used() == {never.pk: 0, later.pk: 5, sooner.pk: 120, over.pk: 0}


def test_where_none_pays_any_more_the_last_that_did_is_counted_on(nothing):
    sooner = issue(used_tokens=100, expires_at=timezone.now() + timedelta(days=1))
    last = issue(used_tokens=100, expires_at=timezone.now() + timedelta(days=9))
    unused = issue(is_disabled=True)
    TokenPack.objects.draw_down(7)
    assert used() == {sooner.pk: 100, last.pk: 107, unused.pk: 0}


def test_a_pack_that_was_withdrawn_in_mid_answer_is_counted_on(nothing):
    pack = issue(used_tokens=1, is_disabled=True)
    TokenPack.objects.draw_down(7)
    assert used() == {pack.pk: 8}


def test_without_any_pack_there_is_nothing_to_take_from(nothing):
    TokenPack.objects.draw_down(7)
    assert used() == {}


def test_a_draw_is_one_query(nothing, django_assert_num_queries):
    issue()
    with django_assert_num_queries(1):
        TokenPack.objects.draw_down(7)
