"""Rules, recipients, and somebody who is told."""

from __future__ import annotations

from typing import Any

import pytest

from chat.models import AlertRecipient, AlertRule
from chat.operations.alerts import rules
from chat.operations.alerts.kinds import Measure
from tests.fakes.receivers import MailServer, WebhookReceiver

SECRET = "a secret that nobody else has"


@pytest.fixture
async def hook():
    async with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
async def mail(settings):
    async with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


def a_rule(measure: Measure = Measure.ERRORS, **values: Any) -> AlertRule:
    """A rule that is saved, and fires at the first look unless it is told otherwise."""
    rule = rules.new(measure)
    for name, value in {"name": "Watch it", "hold": 1, "language": "en", **values}.items():
        setattr(rule, name, value)
    rule.save()
    return rule


def a_recipient(name: str = "On call", secret: str = "", **values: Any) -> AlertRecipient:
    recipient = AlertRecipient(name=name, **values)
    recipient.keep_secret(secret)
    recipient.save()
    return recipient
