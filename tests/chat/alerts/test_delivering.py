"""Notices reach mail servers and webhooks, or it is noted why not."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from admin_models import connections
from chat.models import Alert, AlertDelivery, AlertRecipient, AlertRule
from chat.operations.alerts import delivering, testing, watching
from chat.operations.alerts.kinds import Measure
from tests.chat.alerts.conftest import SECRET, a_recipient, a_rule
from tests.chat.ledger.rows import row, written
from tests.fakes.receivers import Answer, WebhookReceiver

pytestmark = pytest.mark.usefixtures("calling")


@pytest.fixture
async def calling(transactional_db, settings):
    """The application can call out."""
    settings.SITE_URL = "https://chat.example"
    async with connections.opened():
        yield


def failing_requests(**values) -> None:
    written(*(row(final_status="failed", error_code="x", **values) for _ in range(3)))


async def begun(**values) -> AlertRule:
    """A rule whose alert has begun; nothing was sent yet."""
    recipient = await sync_to_async(a_recipient)(**values)
    rule = await sync_to_async(a_rule)(threshold=50, env_id="local", model_name="m")
    await rule.recipients.aadd(recipient)
    await sync_to_async(failing_requests)()
    await sync_to_async(watching.look_at_all)(timezone.now())
    return rule


async def delivery() -> AlertDelivery:
    return await AlertDelivery.objects.aget()


async def now_due() -> None:
    await AlertDelivery.objects.aupdate(due_at=timezone.now())


# Webhooks


async def test_a_webhook_gets_what_since_when_how_much_and_where_to_look(hook):
    await begun(url=hook.url, secret=SECRET)
    await delivering.deliver_due()
    (request,) = hook.received
    told = request.json
    alert = await Alert.objects.aget()
    assert told["event"] == "began"
    assert told["title"] == "Alert: Watch it"
    assert (told["measure"], told["value"], told["threshold"]) == ("errors", 100.0, 50.0)
    assert (told["unit"], told["requests"], told["window_seconds"]) == ("%", 3, 900)
    assert (told["environment"], told["model"]) == ("local", "m")
    assert told["since"] == f"{alert.began_at:%Y-%m-%dT%H:%M:%SZ}"
    assert told["url"].startswith("https://chat.example/usage/?")
    assert "environment=local" in told["url"]
    assert "model=m" in told["url"]
    assert "100 % of 3 requests" in told["text"]
    sent = await delivery()
    assert (sent.state, sent.outcome, sent.tries) == ("sent", "204", 1)
    assert request.headers["x-chatsite-delivery"] == str(sent.pk)
    assert request.headers["x-chatsite-event"] == "began"


async def test_a_webhook_is_posted_to_with_its_query(hook):
    await begun(url=f"{hook.url}?key=a%20b&room=1")
    await delivering.deliver_due()
    (request,) = hook.received
    assert request.line.split()[1].partition("?")[2] in {"key=a%20b&room=1", "key=a+b&room=1"}


async def test_a_webhook_is_signed_together_with_its_time(hook):
    await begun(url=hook.url, secret=SECRET)
    await delivering.deliver_due()
    (request,) = hook.received
    signature = dict(part.split("=") for part in request.headers["x-chatsite-signature"].split(","))
    assert abs(int(signature["t"]) - time.time()) < 60
    signed = f"{signature['t']}.".encode() + request.body
    assert signature["v1"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


async def test_without_a_secret_nothing_is_signed(hook):
    await begun(url=hook.url)
    await delivering.deliver_due()
    assert "x-chatsite-signature" not in hook.received[0].headers


async def test_what_is_sent_names_nobody_and_holds_no_secret(hook, mail, alice):
    await sync_to_async(failing_requests)(user=alice)
    await begun(url=hook.url, secret=SECRET, emails=["ops@example.org"])
    await delivering.deliver_due()
    for said in (hook.received[0].body.decode(), mail.raw[0].decode()):
        assert "alice" not in said
        assert SECRET not in said
    kept = json.dumps([row.notice async for row in AlertDelivery.objects.all()])
    assert SECRET not in kept


@pytest.mark.parametrize("status", ["500 No", "404 Gone", "302 Found"])
async def test_what_is_refused_is_noted_and_tried_again_later(hook, status):
    elsewhere = "Location: http://10.0.0.1/\r\n"
    hook.answers = [Answer(status, headers=elsewhere)]
    await begun(url=hook.url)
    await delivering.deliver_due()
    waiting = await delivery()
    assert (waiting.state, waiting.outcome) == ("waiting", status[:3])
    assert waiting.due_at - waiting.tried_at == delivering.FIRST_WAIT
    await delivering.deliver_due()
    assert len(hook.received) == 1
    await now_due()
    await delivering.deliver_due()
    sent = await delivery()
    assert (sent.state, sent.outcome, sent.tries) == ("sent", "204", 2)


async def test_the_wait_doubles_and_the_last_try_is_given_up(hook, caplog):
    hook.answers = [Answer("500 No")] * delivering.MOST_TRIES
    await begun(url=hook.url)
    waits = []
    for _ in range(delivering.MOST_TRIES):
        await now_due()
        await delivering.deliver_due()
        row = await delivery()
        waits.append((row.due_at - row.tried_at).total_seconds() / 60)
    assert waits[:-1] == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]
    assert row.state == "failed"
    assert "was given up: 500" in caplog.text
    await now_due()
    await delivering.deliver_due()
    assert len(hook.received) == delivering.MOST_TRIES


async def test_a_receiver_that_does_not_answer_holds_up_nobody_for_long(hook, mail):
    hook.answers = [Answer(after=60)]
    await begun(url=hook.url, emails=["ops@example.org"])
    task = asyncio.create_task(delivering.deliver_due())
    async with asyncio.timeout(5):
        while not mail.raw:  # noqa: ASYNC110 -- what is waited for comes from a thread
            await asyncio.sleep(0.02)
    async with asyncio.timeout(delivering.PATIENCE + 5):
        await task
    slow = await AlertDelivery.objects.aget(way="webhook")
    assert (slow.state, slow.outcome) == ("waiting", "provider_timed_out")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.7/hook", "http://169.254.169.254/latest", "http://[::1]:9/"]
)
async def test_an_address_that_may_not_be_called_is_given_up_at_once(url):
    await begun(url=url)
    await delivering.deliver_due()
    row = await delivery()
    assert (row.state, row.outcome, row.tries) == ("failed", "address_forbidden", 1)


async def test_a_secret_that_cannot_be_read_any_more_sends_nothing(hook):
    await begun(url=hook.url, secret=SECRET)
    await AlertRecipient.objects.aupdate(sealed_secret="gAAAAA-of-another-key")
    await delivering.deliver_due()
    row = await delivery()
    assert (row.state, row.outcome) == ("failed", "secret_unreadable")
    assert hook.received == []


async def test_notices_come_in_the_order_of_events_also_after_trouble(hook):
    hook.answers = [Answer("500 No")]
    rule = await begun(url=hook.url)
    await delivering.deliver_due()
    later = timezone.now() + timedelta(hours=1)
    await sync_to_async(watching.look_at_all)(later)
    assert [row.event async for row in rule_deliveries(rule)] == ["began", "ended"]
    await delivering.deliver_due()
    assert len(hook.received) == 1, "the first one waits, and the others behind it"
    await now_due()
    await delivering.deliver_due()
    assert [request.json["event"] for request in hook.received] == ["began", "began", "ended"]
    ended = hook.received[-1].json
    assert ended["until"] is not None
    assert "It is over." in ended["text"]


def rule_deliveries(rule: AlertRule):
    return AlertDelivery.objects.filter(alert__rule=rule)


async def test_one_receiver_in_trouble_keeps_no_other_waiting(hook):
    async with WebhookReceiver() as other:
        hook.answers = [Answer("500 No")]
        rule = await begun(url=hook.url)
        await rule.recipients.aadd(await sync_to_async(a_recipient)("Other", url=other.url))
        await sync_to_async(watching.look_at_all)(timezone.now() + timedelta(hours=1))
        await now_due()
        await delivering.deliver_due()
        assert len(hook.received) == 1
        assert [request.json["event"] for request in other.received] == ["ended"]


async def test_a_recipient_that_was_deleted_meanwhile_breaks_nothing(hook):
    await begun(url=hook.url)
    await AlertRecipient.objects.all().adelete()
    await delivering.deliver_due()
    row = await delivery()
    assert (row.state, row.outcome) == ("failed", "recipient_deleted")


# Mail


async def test_a_mail_says_the_same_in_the_language_of_the_rule(mail):
    await begun(emails=["ops@example.org", "night@example.org"])
    await delivering.deliver_due()
    (message,) = mail.mails
    assert message["Subject"] == "[chatsite] Alert: Watch it"
    assert mail.recipients == ["ops@example.org", "night@example.org"]
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    assert "100 % of 3 requests in the last 15 minutes" in text
    assert "the threshold is 50 %" in text
    assert "https://chat.example/usage/?environment=local&model=m&period=today" in text
    assert (await delivery()).outcome == "accepted"


async def test_a_mail_server_that_refuses_is_noted_without_its_words(mail):
    mail.refusal = "550 no such person as ops@example.org"
    await begun(emails=["ops@example.org"])
    await delivering.deliver_due()
    row = await delivery()
    assert (row.state, row.outcome) == ("waiting", "smtp 550")


async def test_a_mail_server_that_is_away_is_noted(mail, settings):
    settings.EMAIL_PORT = 9
    await begun(emails=["ops@example.org"])
    await delivering.deliver_due()
    assert (await delivery()).outcome == "smtp ConnectionRefusedError"


async def test_without_a_mail_server_nothing_is_said_to_be_sent(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    await begun(emails=["ops@example.org"])
    await delivering.deliver_due()
    row = await delivery()
    assert (row.state, row.outcome) == ("failed", "no_mail_server")


# The job, and the test button


async def test_the_job_looks_and_tells(hook):
    rule = await sync_to_async(a_rule)(Measure.DISK, threshold=0.001)
    await rule.recipients.aadd(await sync_to_async(a_recipient)(url=hook.url))
    await watching.watch()
    assert hook.received[0].json["measure"] == "disk"


async def test_a_test_is_sent_once_and_what_came_back_is_told(hook, mail):
    hook.answers = [Answer("418 Teapot", body="short and stout")]
    recipient = await sync_to_async(a_recipient)(url=hook.url, emails=["ops@example.org"])
    tried = await testing.try_out(recipient, "zh-hans")
    found = {row.way: (row.state, outcome.code, outcome.said) for row, outcome in tried}
    assert found == {
        "mail": ("sent", "accepted", ""),
        "webhook": ("failed", "418", "short and stout"),
    }
    assert hook.received[0].json["event"] == "test"
    assert hook.received[0].json["url"] == "https://chat.example/alerts/"
    await delivering.deliver_due()
    assert len(hook.received) == 1
    kept = [row.outcome async for row in AlertDelivery.objects.order_by("way")]
    assert kept == ["accepted", "418"]
