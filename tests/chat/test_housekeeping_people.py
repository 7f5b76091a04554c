"""A person's data: all of it to take along, and gone when they go; the sums stay."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import zipfile
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from admin_models import audit, people, roles
from admin_models.models import AuditEntry, Team
from admin_models.roles import Role
from chat.ledger import entries, totals
from chat.models import (
    AlertRecipient,
    ApiToken,
    Checkpoint,
    Conversation,
    DayTotal,
    Limit,
    Message,
    Usage,
)
from chat.operations import erasure, person_export
from chat.turns import log
from tests.chat.sockets import in_thread, opened
from tests.fakes.model_server import Script


def said(owner: User, question: str, answer: str) -> Message:
    """A conversation with one answer."""
    row = Conversation.objects.create(owner=owner, title=question)
    asked = Message.objects.create(conversation=row, role="user", text=question)
    return Message.objects.create(
        conversation=row,
        role="assistant",
        question=asked,
        text=answer,
        requested_model="m",
        answered_model="m",
    )


def request(**members) -> Usage:
    values = {"requested_model": "m", "confidence": "reported", "final_status": "done"}
    return Usage(**values | {"total_tokens": 10} | members)


def make_life(alice, mallory, root) -> None:
    """What comes to be about two people who use this for a while."""
    for person, secret in ((alice, "alices-canary"), (mallory, "mallorys-canary")):
        answer = said(person, f"{secret} question", f"{secret} answer")
        entries.write(
            [
                request(user=person, message=answer, conversation_id=answer.conversation_id),
                request(user=person, request_id=f"{secret}-request"),
            ]
        )
        EmailAddress.objects.create(user=person, email=person.email, primary=True)
        ApiToken.objects.create(
            owner=person, name=f"{secret} token", prefix=secret, digest="d" * 64
        )
        Client().force_login(person)
    lab = Team.objects.create(name="Lab")
    people.change(root, alice, Role.OPERATIONS, is_active=True, teams=[lab])
    people.change(root, mallory, Role.OPERATIONS, is_active=True, teams=[lab])
    members = {"members": [alice.username, mallory.username], "note": "user"}
    audit.record(root, "team.updated", ("team", "1", "Lab"), before={"members": []}, after=members)
    audit.record(root, "person.created", roles.subject_of(alice), after={"email": alice.email})
    audit.record(alice, "token.created", ("token", "1", "alices-canary token"))


# ── To take along ────────────────────────────────────────────────────────────


def exported(person: User) -> dict[str, str]:
    file = io.BytesIO()
    person_export.write(person, file, timezone.now())
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_everything_about_a_person_is_in_it_and_nothing_of_anybody_else(alice, mallory, root):
    make_life(alice, mallory, root)
    files = exported(alice)
    conversation = Conversation.objects.get(owner=alice)
    name = f"conversations/{conversation.pk}"
    assert {*files} == {
        "README.txt",
        "account.json",
        f"{name}.json",
        f"{name}.md",
        "usage.csv",
        "audit.csv",
    }
    account = json.loads(files["account.json"])
    assert (account["username"], account["email"]) == ("alice", "alice@example.org")
    assert (account["role"], account["teams"]) == ("operations", ["Lab"])
    assert account["api_tokens"][0]["name"] == "alices-canary token"
    messages = json.loads(files[f"{name}.json"])["messages"]
    assert [row["text"] for row in messages] == ["alices-canary question", "alices-canary answer"]
    assert "alices-canary answer" in files[f"{name}.md"]
    assert [row["total_tokens"] for row in table(files["usage.csv"])] == ["10", "10"]
    found = {(row["action"], row["role"]) for row in table(files["audit.csv"])}
    assert ("person.role_changed", "subject") in found
    assert ("token.created", "actor") in found
    everything = "".join(files.values())
    for foreign in ("mallory", "root", "dddd", alice.password, "pbkdf2"):
        assert foreign not in everything


def test_who_had_the_name_before_is_somebody_else(alice, root):
    audit.record(root, "person.created", ("person", "alice", "alice"), after={"email": "old"})
    User.objects.filter(pk=alice.pk).update(date_joined=timezone.now() + timedelta(seconds=1))
    alice.refresh_from_db()
    assert table(exported(alice)["audit.csv"]) == []


def test_what_could_be_a_formula_is_none(alice):
    entries.write([request(user=alice, requested_model="=1+1")])
    assert "'=1+1" in exported(alice)["usage.csv"]


# ── Gone ─────────────────────────────────────────────────────────────────────


erase = erasure.erase


def totals_of_all() -> list[int]:
    rows = DayTotal.objects.values_list("requests", "total_tokens")
    return [sum(row[0] for row in rows), sum(row[1] for row in rows)]


async def test_nothing_leads_to_whoever_was_erased_and_the_sums_stay(alice, mallory, root):
    await in_thread(make_life, alice, mallory, root)
    before = await in_thread(totals_of_all)
    pk = alice.pk
    await erase(root, alice)
    await in_thread(assert_gone, pk, mallory, before)


def assert_gone(pk: int, mallory: User, before: list[int]) -> None:
    assert not User.objects.filter(pk=pk).exists()
    assert set(Conversation.objects.values_list("owner", flat=True)) == {mallory.pk}
    assert not Message.objects.filter(text__contains="alices-canary").exists()
    assert not ApiToken.objects.exclude(owner=mallory).exists()
    assert not EmailAddress.objects.exclude(user=mallory).exists()
    keys = [row.get_decoded().get("_auth_user_id") for row in Session.objects.all()]
    assert keys == [str(mallory.pk)]
    nameless = Usage.objects.filter(user=None)
    assert nameless.count() == 2
    for row in nameless:
        assert (row.message_id, row.conversation_id, row.request_id) == (None, None, "")
        assert row.total_tokens == 10
    assert Usage.objects.filter(user=mallory).count() == 2
    assert totals_of_all() == before
    assert totals.differences() == []
    assert set(DayTotal.objects.values_list("user_pk", flat=True)) == {0, mallory.pk}
    assert_audit(pk)


def assert_audit(pk: int) -> None:
    number = f"person {pk}"
    rows = list(AuditEntry.objects.order_by("pk").values())
    text = json.dumps([{**row, "actor": ""} for row in rows], default=str)
    assert "alice@example.org" not in text
    assert '"alice"' not in text
    team = next(row for row in rows if row["action"] == "team.updated")
    assert team["after"] == {"members": [number, "mallory"], "note": "user"}
    assert next(
        row for row in rows if row["subject"] == number and row["action"] == "person.created"
    )
    last = rows[-1]
    assert (last["action"], last["actor"], last["subject"]) == ("person.erased", "root", number)
    assert last["after"] == {"conversations": 1, "ledger_rows": 2}
    made = next(row for row in rows if row["action"] == "token.created")
    assert made["actor"] == "alice"  # what she did here stays hers
    with pytest.raises(IntegrityError):
        AuditEntry.objects.all().delete()


async def test_what_it_will_do_is_what_it_does(alice, mallory, root):
    await in_thread(make_life, alice, mallory, root)
    seen = await in_thread(erasure.preview, alice)
    assert (seen.conversations, seen.messages, seen.live) == (1, 2, 0)
    assert (seen.sessions, seen.tokens, seen.teams, seen.ledger_rows) == (1, 1, 1, 2)
    assert (seen.about_them, seen.by_them) == (4, 1)


async def test_whoever_erases_themselves_is_not_named_by_that(alice, root):
    await erase(alice, alice)
    entry = await AuditEntry.objects.aget(action="person.erased")
    assert entry.actor == entry.subject == f"person {entry.actor_pk}"


async def test_the_last_administrator_cannot_be_erased(alice, root):
    assert await in_thread(list, erasure.obstacles(root)) != []
    with pytest.raises(roles.LastAdmin):
        await erase(root, root)
    assert await User.objects.filter(pk=root.pk, is_active=True).aexists()
    await sync_to_async(roles.set_role)(root, alice, Role.ADMIN)
    await erase(root, root)
    assert not await User.objects.filter(username="root").aexists()


async def test_what_an_erased_administrator_corrected_stays_corrected(alice, mallory, root):
    def correct() -> None:
        entries.write([request(user=alice, prompt_tokens=10)])
        row = Usage.objects.get(user=alice)
        entries.correct(mallory, row, reason="Alice was counted twice", prompt_tokens=-10)

    await in_thread(correct)
    before = await in_thread(totals_of_all)
    await erase(root, mallory)
    correction = await Usage.objects.aget(corrects__isnull=False)
    assert correction.corrected_by_id is None
    assert correction.reason == "Alice was counted twice"
    await erase(root, alice)
    assert not await Usage.objects.exclude(reason="").aexists()
    assert await in_thread(totals_of_all) == before
    assert await in_thread(totals.differences) == []


async def test_a_live_answer_is_in_the_export_and_is_stopped_before_it_is_erased(
    alice, root, conversation, service, serving
):
    service.script = Script(say=["so far ", "never"], pause_after=1)
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_shown("so far")
        await page_is_saved()
        [text] = [
            text for name, text in (await in_thread(exported, alice)).items() if ".md" in name
        ]
        assert "so far" in text
        assert (await in_thread(erasure.preview, alice)).live == 1
        await erase(root, alice)
    row = await Usage.objects.aget()
    assert (row.final_status, row.user_id, row.message_id) == ("stopped", None, None)
    assert not await Conversation.objects.aexists()
    assert await in_thread(totals.differences) == []


async def page_is_saved() -> None:
    """Wait for the next checkpoint."""
    await asyncio.sleep(2 * log.INTERVAL)
    assert await Checkpoint.objects.aexists()


async def test_a_limit_of_theirs_goes_with_them(alice, root):
    await Limit.objects.acreate(measure="messages", parts=5, person=alice, period="day")
    await erase(root, alice)
    assert not await Limit.objects.aexists()


async def test_alerts_are_told_to_them_no_more(alice, root):
    emails = ["alice@example.org", "ops@example.org"]
    await AlertRecipient.objects.acreate(name="Ops", emails=emails)
    await erase(root, alice)
    assert (await AlertRecipient.objects.aget()).emails == ["ops@example.org"]


async def test_erasing_can_be_done_again_where_it_was_broken_off(alice, mallory, root):
    """They are kept out, and some of what they wrote is gone; then the server died."""
    await in_thread(make_life, alice, mallory, root)
    before, pk = await in_thread(totals_of_all), alice.pk
    await in_thread(erasure._keep_out, alice)
    await in_thread(erasure._delete_conversations, alice.pk)
    assert not await User.objects.filter(pk=pk, is_active=True).aexists()
    await erase(root, alice)
    assert not await User.objects.filter(pk=pk).aexists()
    assert await in_thread(totals_of_all) == before


@pytest.mark.django_db(transaction=True)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("mn"), st.integers(0, 99)),
        max_size=12,
    )
)
def test_whoever_goes_takes_nothing_off_the_sums(written):
    """Whoever used what and when: the totals stay, and equal a full count."""
    with transaction.atomic():
        person = User.objects.create(username="somebody")
        others = [person.pk, None, person.pk + 1, person.pk + 2]
        now = timezone.now()
        entries.write(
            [
                request(
                    user_id=others[who],
                    requested_model=model,
                    total_tokens=tokens,
                    created_at=now - timedelta(hours=20 * day),
                )
                for who, day, model, tokens in written
            ]
        )
        before = totals_of_all()
        erasure._forget(person, person, erasure.preview(person))
        assert totals_of_all() == before
        assert totals.differences() == []
        assert not DayTotal.objects.filter(user_pk=person.pk).exists()
        transaction.set_rollback(True)
