"""What Prometheus reads: who may, what is in it, and that it names nobody."""

from __future__ import annotations

import asyncio
import time

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from chat.models import Checkpoint, Message, Status
from chat.operations import measures
from chat.turns import reaper
from tests.chat.sockets import in_thread, loaded, opened
from tests.fakes.model_server import Script

pytestmark = pytest.mark.usefixtures("transactional_db")


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


# Who may


@pytest.mark.parametrize(
    ("allowed", "proxies", "peer", "passed_on", "status"),
    [
        ([], [], "127.0.0.1", None, 404),
        (["127.0.0.1"], [], "127.0.0.1", None, 200),
        (["10.0.0.0/8"], [], "10.1.2.3", None, 200),
        (["10.0.0.0/8"], [], "11.1.2.3", None, 404),
        (["10.0.0.0/8"], [], "::ffff:10.1.2.3", None, 200),
        (["fd00::/8"], [], "fd00::7", None, 200),
        # A proxy that nobody declared hides who asks.
        (["127.0.0.1"], [], "127.0.0.1", "8.8.8.8", 404),
        (["127.0.0.1"], [], "127.0.0.1", "127.0.0.1", 404),
        # A declared one says who asks; what a caller wrote before it counts for nothing.
        (["127.0.0.1"], ["127.0.0.1"], "127.0.0.1", "8.8.8.8", 404),
        (["127.0.0.1"], ["127.0.0.1"], "127.0.0.1", "127.0.0.1, 8.8.8.8", 404),
        (["10.0.0.5"], ["127.0.0.1"], "127.0.0.1", "10.0.0.5", 200),
        (["10.0.0.5"], ["127.0.0.1", "10.2.0.1"], "127.0.0.1", "10.0.0.5, 10.2.0.1", 200),
        (["10.0.0.5"], ["127.0.0.1"], "127.0.0.1", "10.0.0.5, nonsense", 404),
        # Prometheus beside a proxy, asking by itself.
        (["127.0.0.1"], ["127.0.0.1"], "127.0.0.1", None, 200),
    ],
)
def test_figures_are_for_the_addresses_that_are_listed(
    client, settings, allowed, proxies, peer, passed_on, status
):
    settings.METRICS_ADDRESSES, settings.TRUSTED_PROXIES = allowed, proxies
    headers = {"x-forwarded-for": passed_on} if passed_on else {}
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=peer).status_code == status


def test_nobody_signs_in_and_nothing_is_asked_of_the_database(
    client, settings, django_assert_num_queries
):
    settings.METRICS_ADDRESSES = ["127.0.0.1"]
    with django_assert_num_queries(0):
        response = client.get("/metrics")
    families = {each.name for each in text_string_to_metric_families(response.content.decode())}
    assert {
        "chatsite_answers",
        "chatsite_answers_in_flight",
        "chatsite_first_token_seconds",
        "chatsite_answer_seconds",
        "chatsite_tokens",
        "chatsite_sockets_open",
        "chatsite_event_loop_delay_seconds",
        "chatsite_database_queue",
        "chatsite_http_requests",
        "process_resident_memory_bytes",
        "process_cpu_seconds",
    } <= families


# What is in it


@pytest.mark.usefixtures("serving")
async def test_an_answer_counts_its_tokens_and_its_time_once(conversation, alice, service):
    labels = {"group": "custom", "kind": "completion", "confidence": "reported"}
    names = ("chatsite_first_token_seconds_count", "chatsite_answer_seconds_count")
    before = [value(name, group="custom") for name in names]
    tokens = value("chatsite_tokens_total", **labels)
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
    usage = (await Message.objects.select_related("usage").aget(role="assistant")).usage
    assert usage.completion_tokens
    assert value("chatsite_tokens_total", **labels) == tokens + usage.completion_tokens
    assert [value(name, group="custom") for name in names] == [each + 1 for each in before]


@pytest.mark.usefixtures("serving")
async def test_answers_and_sockets_of_now_are_told(conversation, alice, service):
    assert value("chatsite_answers_in_flight") == 0
    sockets = value("chatsite_sockets_open")
    service.once(Script(say=["One ", "two"], pause_after=1))
    async with opened(conversation, alice) as page:
        assert value("chatsite_sockets_open") == sockets + 1
        await page.ask("Hi")
        await page.until_status("streaming")
        assert value("chatsite_answers_in_flight") == 1
        service.resume()
        await page.until_status("done")
    assert value("chatsite_sockets_open") == sockets


def test_an_answer_that_a_dead_process_left_counts_too(conversation, model):
    question = Message.objects.create(conversation=conversation, role="user", text="Hi")
    answer = Message.objects.create(
        conversation=conversation,
        role="assistant",
        question=question,
        model=model,
        status=Status.STREAMING,
    )
    Checkpoint.objects.create(message=answer, text="A few words")
    labels = {"group": "custom", "kind": "completion", "confidence": "estimated"}
    before = value("chatsite_tokens_total", **labels)
    interrupted = {"status": "interrupted", "stage": "", "code": ""}
    count = value("chatsite_answers_total", **interrupted)
    reaper.reap(0, [])
    assert value("chatsite_tokens_total", **labels) > before
    assert value("chatsite_answers_total", **interrupted) == count + 1


@pytest.mark.parametrize(
    ("path", "view", "status"),
    [("/healthz", "healthz", "200"), ("/c/7/", "conversation", "302"), ("/nowhere/", "", "404")],
)
def test_requests_count_by_view_and_status(client, path, view, status):
    before = value("chatsite_http_requests_total", view=view, status=status)
    client.get(path)
    assert value("chatsite_http_requests_total", view=view, status=status) == before + 1


async def test_a_loop_that_is_held_up_is_told():
    async with measures.measuring():
        await asyncio.sleep(measures.INTERVAL * 0.9)
        time.sleep(measures.INTERVAL)  # noqa: ASYNC251  # that is what holds it up
        await asyncio.sleep(0.1)
    assert value("chatsite_event_loop_latest_delay_seconds") > measures.INTERVAL / 4


# What is not in it


@pytest.mark.usefixtures("serving")
async def test_figures_name_nobody(conversation, alice, service, settings, async_client):
    settings.METRICS_ADDRESSES = ["127.0.0.1"]
    service.say = ["An answer of its own"]
    async with opened(conversation, alice) as page:
        await page.ask("Something personal")
        await page.until_status("done")
    await loaded(conversation, alice)
    text = (await async_client.get("/metrics")).content.decode().lower()
    words = ("alice", "something personal", "an answer of its own", "sk-test-key", "custom-fake")
    assert [word for word in words if word in text] == []
    answer = await Message.objects.aget(role="assistant")
    assert answer.request_id.lower() not in text


@pytest.mark.usefixtures("serving")
async def test_many_groups_and_people_make_no_more_lines(conversation, alice, model, service):
    async def lines() -> int:
        return sum(len(family.samples) for family in REGISTRY.collect())

    async def answered() -> None:
        async with opened(conversation, alice) as page:
            await page.ask("Hi")
            await page.until_status("done")

    await answered()
    before = await lines()
    for number in range(3):
        model.group.name = f"custom-group-{number}"
        await model.group.asave()
        model.name = f"model-{number}"
        await model.asave()
        await answered()
    assert await lines() == before
    assert await in_thread(Message.objects.filter(status="done", role="assistant").count) == 4
