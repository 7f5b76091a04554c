"""The pages of housekeeping: who may see them, and what they do."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from admin_models.models import AuditEntry
from chat.models import Conversation, JobState, Message, Retention
from chat.operations import retention
from tests.admin_models.browsers import Browser, signed_in
from tests.pages.html import page, the, words

PASSWORD = "correct horse"
"""Of alice."""


@pytest.fixture(autouse=True)
def nobody_has_tried_a_password():
    """Tries are counted in the cache, which outlives a test."""
    cache.clear()


@pytest.fixture
def browser(root):
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def hers(alice):
    client = Client()
    client.force_login(alice)
    return client


def shown(response) -> str:
    return words(the(page(response), "main"))


# ── How it stands ────────────────────────────────────────────────────────────


def test_the_page_shows_jobs_rules_and_sizes(browser, alice):
    JobState.objects.create(
        name="retention", due_at=timezone.now(), failures=1, last_error="OperationalError"
    )
    JobState.objects.create(name="alerts", due_at=timezone.now())
    Retention.objects.create(kind="ledger", keep=6)
    Conversation.objects.create(owner=alice, title="One")
    said = shown(browser.get(reverse("housekeeping")))
    assert "retention failed and is tried again OperationalError" in said
    assert "alerts waits for its time" in said
    assert "Rows of the ledger 6 months" in said
    assert "Conversations for ever" in said
    assert "Conversations 1" in said
    assert "Free on the disk" in said


def test_what_is_wrong_is_said_first(browser, settings):
    settings.MIN_FREE_MB = 10**9
    lines = page(browser.get(reverse("doctor"))).select("tbody tr")
    assert words(lines[0]).startswith("disk error")
    assert "Make room" in words(lines[0])
    assert words(lines[-1]).split()[-1] != "error"


# ── How long data is kept ────────────────────────────────────────────────────


def old_conversation(owner) -> None:
    row = Conversation.objects.create(owner=owner, title="Old")
    long_ago = timezone.now() - timedelta(days=100)
    Conversation.objects.filter(pk=row.pk).update(active_at=long_ago)


def test_it_is_shown_before_it_is_saved(browser, alice):
    old_conversation(alice)
    typed = {"conversations": "30", "ledger": "", "audit": "24"}
    previewed = browser.post(reverse("retention"), typed)
    assert words(the(page(previewed), "#preview ul")) == (
        "Conversations: 1 Entries of the audit log: 0"
    )
    assert not Retention.objects.exists()
    hidden = {
        field["name"]: field.get("value", "")
        for field in page(previewed).select("#preview input[type=hidden]")
    }
    saved = browser.post(reverse("retention"), hidden | {"confirmed": "1"}, follow=True)
    assert "It counts from the next run on" in shown(saved)
    assert retention.limits() == dict.fromkeys(retention.limits()) | {
        "conversations": 30,
        "audit": 24,
    }
    assert Conversation.objects.exists()
    assert AuditEntry.objects.get().action == "retention.changed"


def test_what_is_too_little_stays_in_its_field_with_the_reason(browser):
    refused = browser.post(reverse("retention"), {"audit": "1", "confirmed": "1"})
    assert refused.status_code == 422
    assert the(page(refused), "#id_audit")["value"] == "1"
    assert "12" in words(the(page(refused), "#id_audit_error"))
    assert not Retention.objects.exists()


# ── A person's data ──────────────────────────────────────────────────────────


async def contents(response) -> dict[str, str]:
    data = b"".join([piece async for piece in response.streaming_content])
    assert len(data) == int(response["Content-Length"])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


async def test_everybody_can_take_their_own_data_along(alice, mallory):
    await Conversation.objects.acreate(owner=alice, title="Hers")
    await Conversation.objects.acreate(owner=mallory, title="Theirs")
    answer = await (await signed_in(alice)).post(reverse("my_export"))
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"].startswith(f'attachment; filename="data-{alice.pk}-')
    files = await contents(answer)
    assert "Hers" in "".join(files.values())
    assert "Theirs" not in "".join(files.values())
    assert not await AuditEntry.objects.aexists()


async def test_that_an_administrator_took_it_is_written_down(root, alice):
    browser = await signed_in(root)
    answer = await browser.post(reverse("person_export", args=[alice.pk]))
    assert "account.json" in await contents(answer)
    entry = await AuditEntry.objects.aget()
    assert (entry.action, entry.actor, entry.subject) == ("person.exported", "root", "alice")
    assert (await browser.post(reverse("person_export", args=[10**6]))).status_code == 404


async def test_an_administrator_erases_somebody_by_typing_their_name(root, alice):
    await Conversation.objects.acreate(owner=alice, title="Hers")
    browser = await signed_in(root)
    address = reverse("person_data", args=[alice.pk])
    before = await browser.get(address)
    assert "1 conversation is deleted" in shown(before)
    refused = await browser.post(address, {"name": "mallory"})
    assert refused.status_code == 422
    assert "That is another name" in shown(refused)
    assert the(page(refused), "#id_name")["value"] == "mallory"
    assert await User.objects.filter(pk=alice.pk, is_active=True).aexists()
    done = await browser.post(address, {"name": "alice"}, follow=True)
    assert "alice was erased." in shown(done)
    assert not await User.objects.filter(pk=alice.pk).aexists()
    assert not await Message.objects.aexists()


async def test_the_last_administrator_is_told_why_not(root):
    browser = await signed_in(root)
    for address in (reverse("person_data", args=[root.pk]), reverse("my_data")):
        said = shown(await browser.get(address))
        assert "This is the last administrator" in said
        assert "Erase for good" not in said
    typed = {"name": "root", "password": "from the start"}
    assert (await browser.post(reverse("my_data"), typed)).status_code == 422
    assert await User.objects.filter(pk=root.pk, is_active=True).aexists()


async def test_somebody_erases_themselves_with_name_and_password(alice, root):
    browser = await signed_in(alice)
    refused = await browser.post(reverse("my_data"), {"name": "alice", "password": "wrong"})
    assert refused.status_code == 422
    assert "The password is wrong" in shown(refused)
    assert "wrong" not in str(the(page(refused), "#id_password"))
    typed = {"name": "alice", "password": PASSWORD}
    done = await browser.post(reverse("my_data"), typed)
    assert (done.status_code, done["Location"]) == (302, reverse("account_login"))
    assert not await User.objects.filter(username="alice").aexists()
    assert (await browser.get(reverse("home"))).status_code == 302


async def test_passwords_are_not_guessed_here(alice, root):
    browser = await signed_in(alice)
    for _ in range(6):
        refused = await browser.post(reverse("my_data"), {"name": "alice", "password": "guess"})
    assert "Too many tries" in shown(refused)
    right = await browser.post(reverse("my_data"), {"name": "alice", "password": PASSWORD})
    assert right.status_code == 422
    assert await User.objects.filter(username="alice").aexists()


async def test_without_a_password_somebody_else_has_to_do_it(alice, root):
    await sync_to_async(alice.set_unusable_password)()
    await alice.asave()
    said = shown(await (await signed_in(alice)).get(reverse("my_data")))
    assert "Ask an administrator" in said


def test_the_pages_are_led_to(browser, hers, alice):
    assert reverse("my_data") in hers.get("/").content.decode()
    person = browser.get(reverse("person", args=[alice.pk])).content.decode()
    assert reverse("person_data", args=[alice.pk]) in person


async def test_a_page_in_chinese_is_a_page(root, alice):
    browser: Browser = await signed_in(root)
    for address in (
        reverse("housekeeping"),
        reverse("retention"),
        reverse("person_data", args=[alice.pk]),
        reverse("my_data"),
    ):
        answer = await browser.get(address, headers={"accept-language": "zh-hans"})
        assert answer.status_code == 200
