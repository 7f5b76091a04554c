"""Nobody asks faster than may be; what they typed stays."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from chat.forms import pace
from chat.limits.errors import TooFast
from chat.models import Conversation, Message
from tests.chat.sockets import opened

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def slow(settings):
    """Two questions an hour; nobody has asked yet."""
    settings.SEND_RATE = "2/h"
    cache.clear()
    yield
    cache.clear()


def test_each_person_has_their_own_pace(alice, mallory):
    pace.check(alice.pk)
    pace.check(alice.pk)
    with pytest.raises(TooFast) as refusal:
        pace.check(alice.pk)
    assert 0 < refusal.value.params["wait"] <= 3600
    pace.check(mallory.pk)


@pytest.mark.usefixtures("serving")
async def test_the_composer_says_so_and_keeps_what_was_typed(conversation, alice, service):
    async with opened(conversation, alice) as page:
        for key in ("one", "two"):
            await page.ask("Hi", key=key)
            await page.until_status("done")
        await page.send(action="send", text="Too much", key="three")
        await page.until(lambda: {"refused": "three"} in page.data)
        assert "2 questions in 3600 seconds are the most here" in page.error()
        await page.send(action="regenerate", message=str(page.last_pk()))
        await page.until(lambda: {"refused": ""} in page.data)
    assert len(service.requests) == 2
    assert await Message.objects.filter(role="user").acount() == 2


def test_the_first_question_of_a_conversation_counts_too(alice, model):
    pace.check(alice.pk)
    pace.check(alice.pk)
    client = Client()
    client.force_login(alice)
    form = {"text": "Hello there", "model": str(model.pk), "key": ""}
    response = client.post(reverse("home"), form)
    assert response.status_code == 429
    page = BeautifulSoup(response.content.decode(), "html.parser")
    assert "are the most here" in page.select_one("#composer-error").get_text()
    assert page.select_one("textarea").get_text().strip() == "Hello there"
    assert not Conversation.objects.exists()
