"""One id for the answer of a server, the lines of its log, the ledger and what a person sees."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import time
from contextlib import contextmanager

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from admin_models.models import Team
from chat import request_ids
from chat.models import Message, Usage
from chat.turns import about
from chat.turns.about import About
from chat.turns.questions import Turn
from chatsite.logs import JsonFormatter
from tests.chat.sockets import loaded, opened
from tests.fakes.model_server import refusal

ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def test_later_ids_sort_behind_and_none_comes_twice():
    made = []
    for _ in range(3):
        made.append({request_ids.new() for _ in range(100)})
        time.sleep(0.002)
    assert all(len(some) == 100 for some in made)
    assert all(ID.fullmatch(each) for some in made for each in some)
    assert max(made[0]) < min(made[1]) < max(made[1]) < min(made[2])


# Over HTTP


@pytest.fixture
def broken_site(settings):
    settings.ROOT_URLCONF = "tests.chatsite.broken_site"


@pytest.mark.usefixtures("transactional_db", "broken_site")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/accounts/login/", 200),
        ("get", "/", 302),
        ("get", "/nowhere/", 404),
        ("post", "/accounts/login/", 403),
        ("options", "/healthz", 405),
        ("get", "/breaks/", 500),
    ],
)
def test_every_response_has_an_id_of_its_own(method, path, status):
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    ids = set()
    for _ in range(2):
        response = getattr(client, method)(path)
        assert response.status_code == status
        ids.add(response["X-Request-ID"])
    assert len(ids) == 2
    assert all(ID.fullmatch(each) for each in ids)


@pytest.mark.usefixtures("transactional_db", "broken_site")
async def test_the_page_of_an_error_shows_the_id_under_which_the_log_has_it(async_client):
    async_client.raise_request_exception = False
    with written() as lines:
        response = await async_client.get("/breaks/")
    request_id = response["X-Request-ID"]
    assert request_id in response.content.decode()
    assert [line["request_id"] for line in lines()] == [request_id]


PROXY = "10.9.8.7"


@pytest.mark.parametrize(
    ("given_id", "peer", "is_taken"),
    [
        ("a1b2c3d4e5f60718293a4b5c6d7e8f90", PROXY, True),
        ("a1b2c3d4-e5f6-0718-293a-4b5c6d7e8f90", PROXY, True),
        ("a1b2c3d4e5f60718293a4b5c6d7e8f90", "127.0.0.1", False),
        ("a1b2c3d4e5f60718293a4b5c6d7e8f90", "10.9.8.6", False),
        ("short", PROXY, False),
        ("a" * 65, PROXY, False),
        ("spaces in it", PROXY, False),
        ('"quotes-in-it"', PROXY, False),
        ("", PROXY, False),
    ],
)
def test_an_id_that_comes_in_counts_only_if_a_proxy_of_ours_gave_it(
    client, settings, given_id, peer, is_taken
):
    settings.TRUSTED_PROXIES = [PROXY]
    response = client.get("/healthz", headers={"x-request-id": given_id}, REMOTE_ADDR=peer)
    assert (response["X-Request-ID"] == given_id) == is_taken
    assert is_taken or ID.fullmatch(response["X-Request-ID"])


@given(st.text())
def test_whatever_comes_in_the_id_that_goes_out_is_one_word(text):
    headers = {"x-request-id": text.encode("utf-8").decode("latin-1")}
    response = Client().get("/healthz", headers=headers)
    assert re.fullmatch(r"[\w-]{8,64}", response["X-Request-ID"])


# Of turns


@contextmanager
def written(logger: str = "", level: int = logging.INFO):
    """What is written to the log inside the block, line by line, as programs read it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    named = logging.getLogger(logger)
    before = named.level
    named.addHandler(handler)
    named.setLevel(level)
    try:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    finally:
        named.removeHandler(handler)
        named.setLevel(before)


async def failed_answer(conversation, person, service) -> Message:
    service.once(refusal(500, "SYS_ERR"))
    async with opened(conversation, person) as page:
        await page.ask("A secret of mine")
        await page.until_status("failed")
    return await Message.objects.select_related("usage").aget(role="assistant")


@pytest.mark.usefixtures("serving")
async def test_row_ledger_log_and_bubble_have_the_same_id(conversation, alice, service):
    with written() as lines:
        answer = await failed_answer(conversation, alice, service)
    assert ID.fullmatch(answer.request_id)
    assert (await Usage.objects.aget()).request_id == answer.request_id
    of_it = [line for line in lines() if line.get("turn") == answer.pk]
    assert {line["request_id"] for line in of_it} == {answer.request_id}
    [line] = [line for line in of_it if line["logger"] == "chat.turns.engine"]
    assert (line["user"], line["model"], line["group"]) == (alice.pk, "fake-model", "custom-fake")
    assert (line["stage"], line["code"]) == ("call", "provider_failed")
    assert "secret of mine" not in json.dumps(lines())
    problem = (await loaded(conversation, alice)).soup.select_one(".problem")
    assert answer.request_id in problem.get_text()
    assert answer.error["request_id"] == "req-1"  # the service's own
    assert "req-1" in problem.get_text()


@pytest.mark.usefixtures("serving")
async def test_each_answer_to_a_question_has_an_id_of_its_own(conversation, alice, service):
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
        first = page.last_pk()
        await page.send(action="regenerate", message=str(first))
        await page.until(lambda: page.last_pk() != first and page.statuses()[-1] == "done")
    ids = [row.request_id async for row in Message.objects.filter(role="assistant")]
    assert len(set(ids)) == 2
    assert all(ID.fullmatch(each) for each in ids)


async def test_the_id_goes_along_into_tasks_and_database_threads():
    message = Message(pk=5, request_id=request_ids.new())
    turn = Turn(Message(pk=4), 7, is_new=True, message=message, model=None, said=[])
    seen: list[tuple[str, About]] = []

    def look() -> None:
        seen.append((request_ids.current.get(), about.current.get()))

    async def look_further() -> None:
        look()
        await database_sync_to_async(look)()
        await asyncio.to_thread(look)

    look()
    with about.telling(turn):
        await asyncio.create_task(look_further())
    look()
    before, *within, after = seen
    assert within == [(message.request_id, About(turn=5, user=7))] * 3
    assert before == after != within[0]


@pytest.mark.usefixtures("serving")
async def test_what_a_turn_asks_of_the_database_is_logged_under_its_id(
    conversation, alice, model, service, settings
):
    narrow = {"name": "Everyone", "allows_all": False}
    everyone, _ = await Team.objects.aupdate_or_create(is_everyone=True, defaults=narrow)
    await everyone.model_groups.aadd(model.group)  # so that each turn asks whether it may
    settings.DEBUG = True  # Django logs each query then
    with written("django.db.backends", logging.DEBUG) as lines:
        answer = await failed_answer(conversation, alice, service)
    assert any(line.get("turn") == answer.pk for line in lines())
    assert {line["request_id"] for line in lines() if line.get("turn") == answer.pk} == {
        answer.request_id
    }
