"""What is changed of environments is written down: who, what, and never a key."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from admin_models.models import AuditEntry, Environment
from tests.admin_models.browsers import signed_in
from tests.fakes.environment_state import API_KEY, SECRET_ID, SECRET_KEY
from tests.pages.html import page, the, words

KEYS = {"api_key": API_KEY, "secret_id": SECRET_ID, "secret_key": SECRET_KEY}


@pytest.fixture
async def browser(root):
    return await signed_in(root)


async def entries() -> list[AuditEntry]:
    """All of them, the newest first; none holds a key."""
    rows = [row async for row in AuditEntry.objects.all()]
    told = str([(row.before, row.after) for row in rows])
    assert not any(key in told for key in KEYS.values())
    return rows


def settings_of(row: Environment, **changes: str) -> dict[str, str]:
    return {
        "name": row.name,
        "is_enabled": "on",
        "region": row.region,
        "base_url": row.base_url,
        "control_url": row.control_url,
    } | changes


async def test_a_new_environment_is_recorded_with_its_keys_as_set(connected, browser, cloud, root):
    query = urlencode(
        {
            "env_id": cloud.state.env_id,
            "name": "Demo",
            "region": "ap-shanghai",
            "base_url": cloud.gateway_url,
            "control_url": cloud.control_url,
        }
    )
    await browser.post(f"{reverse('environment_keys_new')}?{query}", KEYS)
    (entry,) = await entries()
    row = await Environment.objects.aget(kind="cloudbase")
    assert (entry.action, entry.actor) == ("environment.created", "root")
    assert (entry.subject_kind, entry.subject_key) == ("environment", row.env_id)
    assert entry.after["name"] == "Demo"
    assert entry.after["sealed_key"] == entry.after["sealed_secret_id"] == "set"
    assert row.key_set_by_id == row.cloud_keys_set_by_id == root.pk
    assert row.key_set_at is not None


async def test_an_environment_without_a_pair_has_nobody_who_set_it(connected, browser, cloud):
    query = urlencode({"env_id": "lab-1", "name": "Lab", "region": "ap-shanghai"})
    await browser.post(f"{reverse('environment_keys_new')}?{query}", {"api_key": API_KEY})
    row = await Environment.objects.aget(kind="cloudbase")
    assert row.cloud_keys_set_at is None
    assert (await entries())[0].after["sealed_secret_id"] == "not set"


async def test_of_changed_settings_only_what_changed_is_recorded(browser, environment):
    where = reverse("environment_settings", args=[environment.pk])
    await browser.post(where, settings_of(environment, name="Other", region="ap-beijing"))
    (entry,) = await entries()
    assert entry.action == "environment.updated"
    assert entry.subject == "Other"
    assert entry.before == {"name": "Demo", "region": "ap-shanghai"}
    assert entry.after == {"name": "Other", "region": "ap-beijing"}


async def test_saving_what_is_saved_or_masked_keeps_it_and_records_nothing(browser, environment):
    where = reverse("environment_settings", args=[environment.pk])
    await browser.post(where, settings_of(environment))
    where = reverse("environment_keys", args=[environment.pk])
    for nothing in ("", "••••••••", "*****"):
        sent = {"api_key": nothing, "secret_id": nothing, "secret_key": nothing}
        assert (await browser.post(where, sent)).status_code == 302
    assert await entries() == []
    row = await Environment.objects.aget(pk=environment.pk)
    assert (row.sealed_key, row.sealed_secret_id) == (
        environment.sealed_key,
        environment.sealed_secret_id,
    )


async def test_a_default_that_moves_is_recorded_of_both(browser, environment):
    await Environment.objects.acreate(kind="local", name="L", env_id="local", is_default=True)
    where = reverse("environment_settings", args=[environment.pk])
    await browser.post(where, settings_of(environment, is_default="on"))
    moved = {entry.subject: entry.after for entry in await entries()}
    assert moved == {"L": {"is_default": False}, "Demo": {"is_default": True}}


async def test_new_keys_are_recorded_as_changed_and_removed_ones_as_not_set(browser, environment):
    where = reverse("environment_keys", args=[environment.pk])
    await browser.post(where, KEYS)
    await browser.post(where, {"remove_cloud_keys": "on"})
    removed, changed = await entries()
    assert changed.action == "environment.keys_changed"
    assert changed.after == {
        "sealed_key": "changed",
        "sealed_secret_id": "changed",
        "sealed_secret_key": "changed",
    }
    assert removed.after == {"sealed_secret_id": "not set", "sealed_secret_key": "not set"}


async def test_the_page_says_who_set_which_keys_and_when(browser, environment, root):
    where = reverse("environment_settings", args=[environment.pk])
    assert "Set by root" not in words(the(page(await browser.get(where)), "#keys"))
    await browser.post(reverse("environment_keys", args=[environment.pk]), {"api_key": API_KEY})
    row = await Environment.objects.aget(pk=environment.pk)
    said = words(the(page(await browser.get(where)), "#keys"))
    assert f"An API key is stored. Set by root on {row.key_set_at:%Y-%m-%d %H:%M}." in said
    assert row.cloud_keys_set_by_id is None


async def test_a_key_outlives_who_set_it(browser, environment, alice):
    environment.keep_key(API_KEY, by=alice)
    await environment.asave()
    await alice.adelete()
    where = reverse("environment_settings", args=[environment.pk])
    said = words(the(page(await browser.get(where)), "#keys"))
    assert "An API key is stored. Set on 20" in said


async def test_trying_keys_changes_and_records_nothing(browser, environment):
    where = reverse("environment_keys", args=[environment.pk])
    await browser.post(where, KEYS | {"try": "1"})
    assert await entries() == []


async def test_a_deleted_environment_is_recorded_with_what_it_was(browser, environment):
    await browser.post(reverse("environment_delete", args=[environment.pk]))
    (entry,) = await entries()
    assert (entry.action, entry.subject) == ("environment.deleted", "Demo")
    assert entry.before["region"] == "ap-shanghai"
    assert entry.before["sealed_key"] == "set"
    assert entry.after == {}


async def test_a_change_that_is_refused_is_not_recorded(browser, environment):
    where = reverse("environment_settings", args=[environment.pk])
    response = await browser.post(where, settings_of(environment, name=""))
    assert response.status_code == 422
    assert await entries() == []
