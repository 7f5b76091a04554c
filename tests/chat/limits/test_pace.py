"""Nobody asks or uploads faster than may be; what they typed stays."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from chat.forms import pace
from chat.limits.errors import TooFast, TooManyUploads
from chat.models import Conversation, Message
from chat.operations import rates
from tests.admin_models.configurations import CANARY, exported
from tests.chat.sockets import opened

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def slow(settings):
    """Two questions and two uploads a day; nobody has asked yet."""
    settings.SEND_RATE = settings.UPLOAD_RATE = "2/d"
    cache.clear()
    yield
    cache.clear()


def test_each_person_has_their_own_pace(alice, mallory):
    pace.check(alice.pk)
    pace.check(alice.pk)
    with pytest.raises(TooFast) as refusal:
        pace.check(alice.pk)
    assert 0 < refusal.value.params["wait"] <= 86_400
    pace.check(mallory.pk)
    pace.check_upload(alice.pk)


def test_what_a_crowd_does_makes_nobody_forgotten(alice):
    pace.check(alice.pk)
    pace.check(alice.pk)
    for number in range(1000):
        rates.spend(f"other:{number}", rates.Rate.parse(settings.SEND_RATE))
    with pytest.raises(TooFast):
        pace.check(alice.pk)


@pytest.mark.usefixtures("serving")
async def test_the_composer_says_so_and_keeps_what_was_typed(conversation, alice, service):
    async with opened(conversation, alice) as page:
        for key in ("one", "two"):
            await page.ask("Hi", key=key)
            await page.until_status("done")
        await page.send(action="send", text="Too much", key="three")
        await page.until(lambda: {"refused": "three"} in page.data)
        assert "2 questions in 86400 seconds are the most here" in page.error()
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


# ── Uploads ──────────────────────────────────────────────────────────────────


@pytest.fixture
def browser(root):
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def none_left(root):
    """Nothing more may be uploaded today."""
    pace.check_upload(root.pk)
    pace.check_upload(root.pk)


def uploaded(browser: Client, **content: Any) -> BeautifulSoup:
    """The page that answers a configuration that is one too many."""
    response = browser.post(reverse("configuration_import"), content)
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 86_400
    page = BeautifulSoup(response.content.decode(), "html.parser")
    said = errors_in(page)
    assert "2 uploads in 86400 seconds are the most here" in said
    assert f"try again in {response['Retry-After']} seconds" in said
    assert not page.select("#confirm")
    return page


def errors_in(page: BeautifulSoup) -> str:
    """What is said above the form."""
    return " ".join(error.get_text() for error in page.select("form > .form-error"))


def text_in(page: BeautifulSoup) -> str:
    """What stands in the field for a configuration's text."""
    return str(page.select_one("textarea[name=text]").get_text()).strip()


def test_each_person_uploads_at_their_own_pace(none_left, root, alice):
    with pytest.raises(TooManyUploads):
        pace.check_upload(root.pk)
    pace.check_upload(alice.pk)
    pace.check(root.pk)


def test_each_look_at_a_configuration_is_an_upload(browser):
    for _ in range(2):
        response = browser.post(reverse("configuration_import"), {"text": exported()})
        assert response.status_code == 200
    uploaded(browser, text=exported())


def test_what_is_one_too_many_need_not_be_pasted_or_chosen_again(browser, none_left):
    text = exported().strip()
    assert text_in(uploaded(browser, text=text)) == text
    file = SimpleUploadedFile("configuration.json", text.encode())
    assert text_in(uploaded(browser, file=file)) == text


def test_what_is_no_text_is_said_too(browser, none_left):
    page = uploaded(browser, file=SimpleUploadedFile("configuration.json", b"\xff"))
    assert "no text in UTF-8" in errors_in(page)
    assert text_in(page) == ""


def test_a_secret_in_it_is_not_shown_again(browser, none_left):
    text = f'{{"api_key": "{CANARY}"}}'
    for content in ({"text": text}, {"file": SimpleUploadedFile("c.json", text.encode())}):
        assert CANARY not in str(uploaded(browser, **content))


def test_a_confirmation_that_comes_too_fast_imports_nothing(browser, none_left):
    page = uploaded(browser, text=exported(), seen="anything")
    assert text_in(page) == exported().strip()
