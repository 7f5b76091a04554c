"""Sends notices, by mail and as webhooks, and notes what became of each. At least once: who dies
between sending and noting sends again; the number of the delivery is in the request.
"""

from __future__ import annotations

import asyncio
import json
import logging
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.translation import gettext

from admin_models import connections, crypto
from admin_models.showing import words
from chat.cloudbase.errors import AddressForbidden, CloudBaseError, IllegalBaseUrl
from chat.models import AlertDelivery, AlertRecipient
from chat.operations.alerts import notices
from chat.operations.alerts.signatures import Signing
from chat.operations.jobs import in_database

logger = logging.getLogger(__name__)

State = AlertDelivery.State
Way = AlertDelivery.Way

PATIENCE: Final = 10.0
"""Seconds that a webhook has for its answer."""
MOST_TRIES: Final = 12
"""The last one comes some three and a half hours after the first."""
FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(minutes=30)
MOST_WAITING: Final = 1000
MOST_OF_A_LANE: Final = 10
"""Notices that are looked at, and that are tried in one go of each recipient and way."""
_NOWHERE: Final = "django.core.mail.backends.console.EmailBackend"
"""Where mail goes unless EMAIL_URL says otherwise."""
_SUCCESS: Final = range(200, 300)
_UNSENDABLE: Final = (AddressForbidden, IllegalBaseUrl)
"""Trying again would change nothing."""
_LONGEST_SAID: Final = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try came to: "200", "smtp 550", "address_forbidden", …"""

    is_sent: bool
    code: str
    said: str = ""
    """How the answer began, or what the error says; never kept."""
    may_help: bool = True
    """Whether trying again may."""


def ways(recipient: AlertRecipient) -> list[Way]:
    """How a recipient is told."""
    found = ((Way.MAIL, recipient.emails), (Way.WEBHOOK, recipient.url))
    return [way for way, address in found if address]


async def deliver_due() -> None:
    """Try what is due; of each recipient and way one after the other, in the order of events."""
    due = await in_database(_due)()
    lanes = [list(lane) for _key, lane in groupby(due, _lane)]
    await asyncio.gather(*map(_deliver_in_order, lanes))


def _lane(delivery: AlertDelivery) -> tuple[int, str]:
    return delivery.recipient_id or 0, delivery.way


def _due() -> list[AlertDelivery]:
    """What waits, by lane; nothing of a lane whose first one has to wait longer."""
    rows = AlertDelivery.objects.filter(state=State.WAITING).select_related("recipient")
    waiting = list(rows.order_by("recipient", "way", "pk")[:MOST_WAITING])
    now = timezone.now()
    first = {_lane(row): row for row in reversed(waiting)}
    return [row for row in waiting if first[_lane(row)].due_at <= now]


async def _deliver_in_order(lane: Sequence[AlertDelivery]) -> None:
    for delivery in lane[:MOST_OF_A_LANE]:
        if not (await deliver(delivery)).is_sent and delivery.state == State.WAITING:
            return


async def deliver(delivery: AlertDelivery, *, most_tries: int = MOST_TRIES) -> Outcome:
    """Try once and note it."""
    try:
        outcome = await _tried(delivery)
    except Exception as error:  # of whichever library; others must be told all the same
        logger.exception("delivery %s broke", delivery.pk)
        outcome = Outcome(False, type(error).__name__)
    _note(delivery, outcome, most_tries)
    await in_database(_keep)(delivery)
    return outcome


def _keep(delivery: AlertDelivery) -> None:
    """By an update: somebody may have deleted its recipient, or the row, meanwhile."""
    names = ("state", "tries", "tried_at", "outcome", "due_at")
    values = {name: getattr(delivery, name) for name in names}
    AlertDelivery.objects.filter(pk=delivery.pk).update(**values)


def _note(delivery: AlertDelivery, outcome: Outcome, most_tries: int) -> None:
    delivery.tries += 1
    delivery.tried_at = timezone.now()
    delivery.outcome = outcome.code[:80]
    if outcome.is_sent:
        delivery.state = State.SENT
    elif delivery.tries >= most_tries or not outcome.may_help:
        delivery.state = State.FAILED
        logger.warning("delivery %s was given up: %s", delivery.pk, outcome.code)
    else:
        wait = min(FIRST_WAIT * 2.0 ** (delivery.tries - 1), LONGEST_WAIT)
        delivery.due_at = delivery.tried_at + wait


async def _tried(delivery: AlertDelivery) -> Outcome:
    recipient = delivery.recipient
    if recipient is None:
        return Outcome(False, "recipient_deleted", may_help=False)
    if delivery.way == Way.MAIL:
        return await asyncio.to_thread(_mail, recipient, delivery.notice)
    return await _post(recipient, delivery)


# By mail


def _mail(recipient: AlertRecipient, notice: notices.Notice) -> Outcome:
    if settings.EMAIL_BACKEND == _NOWHERE:
        said = gettext("No mail server is set (EMAIL_URL), so that nothing was sent.")
        return Outcome(False, "no_mail_server", said, may_help=False)
    message = EmailMessage(
        subject=f"[chatsite] {notice['title']}",
        body=notice["text"],
        to=recipient.emails,
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = {code for code, _said in error.recipients.values()}
        return Outcome(False, f"smtp {', '.join(map(str, sorted(codes)))}")
    except smtplib.SMTPResponseException as error:
        return Outcome(False, f"smtp {error.smtp_code}")
    except (smtplib.SMTPException, OSError) as error:
        return Outcome(False, f"smtp {type(error).__name__}")
    return Outcome(True, "accepted")


# As a webhook


async def _post(recipient: AlertRecipient, delivery: AlertDelivery) -> Outcome:
    body = json.dumps(delivery.notice, ensure_ascii=False).encode()
    more = {"X-Chatsite-Event": delivery.event, "X-Chatsite-Delivery": str(delivery.pk)}
    try:
        signing = Signing(crypto.unseal(recipient.sealed_secret), more)
        status, said = await connections.post_json(recipient.url, body, signing, within=PATIENCE)
    except crypto.CannotUnseal:
        return Outcome(False, "secret_unreadable", may_help=False)
    except _UNSENDABLE as error:
        sentence = words.filled(error.user_message, error.params)
        return Outcome(False, error.code, sentence, may_help=False)
    except CloudBaseError as error:
        return Outcome(False, error.code)
    beginning = said.decode(errors="replace")[:_LONGEST_SAID]
    return Outcome(status in _SUCCESS, str(status), beginning)
