"""The live page shows what goes on in every process, as it goes on, to those who may see it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from bs4 import BeautifulSoup
from django.urls import reverse
from django.utils import timezone

from admin_models import roles
from admin_models.consumers import NOT_STAFF
from chat.models import Message, Worker
from chat.operations import live, live_board, measures
from chat.turns import owner
from tests.admin_models.browsers import signed_in
from tests.chat.sockets import connected as socket
from tests.chat.sockets import opened, settled
from tests.pages.html import page, the, words

pytestmark = pytest.mark.usefixtures("transactional_db")

SOCKET = "/ws/usage/live/?lang=en"


def said_by(worker: int, **members) -> live.Report:
    """What another process says."""
    values: dict[str, Any] = {
        "name": "elsewhere:7",
        "at": time.time(),
        "queued": 1,
        "streaming": 2,
        "sockets": 3,
        "people": [1, 2],
        "rate": 40.0,
        "memory": 50 * 2**20,
        "delay": 0.002,
        "worst_delay": 0.5,
    }
    return live.Report(worker=worker, **values | members)


async def tell(told: live.Report) -> None:
    event = {"type": "live.report", "report": asdict(told)}
    await owner.layer().group_send(live.GROUP, event)


async def frame_with(communicator, text: str, within: float = 8) -> BeautifulSoup:
    """Take frames until one says `text`."""
    async with asyncio.timeout(within):
        while text not in (frame := str(await communicator.receive_from(within))):
            pass
    return BeautifulSoup(frame, "html.parser")


def meters(soup) -> dict[str, str]:
    return {
        words(the(meter, "h2")): words(the(meter, ".amount")) for meter in soup.select(".figure")
    }


def processes(soup) -> list[list[str]]:
    rows = soup.select("table.processes tbody tr")
    return [[words(cell) for cell in row.select("th, td")] for row in rows]


async def worker(**members) -> Worker:
    now = timezone.now()
    return await Worker.objects.acreate(channel=f"c-{time.time()}", heartbeat_at=now, **members)


# What is reported


async def test_a_process_reports_the_answers_it_writes_and_how_fast(
    serving, conversation, alice, service
):
    service.say = ["one two three four five six seven eight ", "nine"]
    service.tell(pause_after=1)
    growth = live._Growth()
    async with opened(conversation, alice) as shown:
        await shown.ask("hi")
        await shown.until_status("streaming")
        told = live.report(growth.rate())
        assert (told.queued, told.streaming) == (0, 1)
        assert told.rate > 0
        assert told.memory > 10 * 2**20
        assert growth.rate() == 0
        service.resume()
        await shown.until_status("done")
    assert growth.rate() >= 0
    await settled()
    assert live.report(0).streaming == 0


async def test_who_is_connected_is_counted_once_for_all_their_pages(serving, conversation, alice):
    assert measures.people() == []
    async with opened(conversation, alice), opened(conversation, alice):
        assert measures.people() == [alice.pk]
        assert live.report(0).sockets == 2
    assert measures.people() == []
    assert live.report(0).sockets == 0


async def test_a_loop_that_is_held_up_says_so():
    measures.RECENT_LOOP_DELAYS.clear()
    async with measures.measuring():
        await asyncio.sleep(0.1)
        time.sleep(measures.INTERVAL + 0.3)  # noqa: ASYNC251  # what must not be is what is measured
        await asyncio.sleep(0.1)
    assert max(measures.RECENT_LOOP_DELAYS) >= 0.2


async def test_every_process_reports_by_itself(serving):
    layer = owner.layer()
    channel = await layer.new_channel()
    await layer.group_add(live.GROUP, channel)
    async with live.reporting(), asyncio.timeout(3 * live.INTERVAL):
        event = await layer.receive(channel)
    assert live.Report(**event["report"]).worker == owner.worker_pk()


async def test_a_page_shows_how_this_process_does_before_its_socket_is_open(serving, root):
    async with live.reporting():
        await asyncio.sleep(live.INTERVAL + 0.5)
        found = page(await (await signed_in(root)).get(reverse("usage_live")))
    assert processes(found)[0][1] == "working"
    assert meters(found)["Memory"].endswith(" MiB")


# What is shown


async def test_an_open_page_follows_what_processes_say(serving, root):
    async with socket(SOCKET, root) as (communicator, is_in, _code):
        assert is_in
        row = await worker()
        await tell(said_by(row.pk))
        soup = await frame_with(communicator, "elsewhere:7")
        found = meters(soup)
        assert found["Tokens a second"] == "40"
        assert found["People connected"] == "2"
        assert found["Event-loop delay"] == "500 ms"
        assert found["Memory"] == "50 MiB"
        (line,) = [line for line in processes(soup) if line[0] == "elsewhere:7"]
        assert line[1] == "working"
        assert line[3:] == ["2 + 1", "3", "40/s", "50 MiB", "2 ms", "500 ms"]


def test_people_of_several_processes_are_counted_once():
    watcher = live_board.Watcher()
    for pk in (1, 2):
        watcher.hear(asdict(said_by(pk, people=[7, pk])))
    board = watcher.board(live.Known([], 0, 0))
    assert {meter.title: meter.value for meter in board.meters}["People connected"] == "3"


def test_who_is_silent_is_not_counted_and_said_to_be_silent_or_gone():
    watcher, now = live_board.Watcher(), timezone.now()
    watcher.hear(asdict(said_by(1, at=time.time() - live_board.SILENCE - 1)))
    held = live.Held(1, now, now, queued=0, streaming=4)
    gone = replace(held, worker=2, heartbeat_at=now - timedelta(minutes=1))
    board = watcher.board(live.Known([held, gone], 0, 4))
    assert [process.state_label for process in board.processes] == ["not heard of yet", "gone"]
    assert [process.answers for process in board.processes] == ["4 + 0", "4 + 0"]
    assert {meter.title: meter.value for meter in board.meters}["Answers"] == "4"
    assert {meter.title: meter.value for meter in board.meters}["Event-loop delay"] == "–"


def test_a_page_remembers_two_minutes():
    watcher = live_board.Watcher()
    for number in range(live_board.HISTORY + 5):
        board = watcher.board(live.Known([], 0, number))
    rates, answers = board.plots
    assert len(rates.steps) == live_board.HISTORY
    assert list(answers.bands[0].values) == list(range(5, live_board.HISTORY + 5))


async def test_the_page_shows_before_any_socket_what_the_tables_say(
    serving, root, conversation, alice, service
):
    service.tell(pause_after=0)
    async with opened(conversation, alice) as shown:
        await shown.ask("hi")
        await shown.until_status("queued", "streaming")
        found = page(await (await signed_in(root)).get(reverse("usage_live")))
        assert processes(found)[0][1] == "not heard of yet"
        assert await Message.objects.live().acount() == 1
        counts = processes(found)[0][3].split(" + ")
        assert sum(map(int, counts)) == 1
        service.resume()
        await shown.until_status("done")
    assert the(found, "[hx-ws\\:connect]")["hx-ws:connect"] == SOCKET


# Who may see it


async def test_those_who_look_after_the_site_see_it_until_they_do_not(serving, alice):
    await sync_to_async(roles.set_role)(None, alice, roles.Role.OPERATIONS)
    async with socket(SOCKET, alice) as (communicator, is_in, _code):
        assert is_in
        row = await worker()
        await tell(said_by(row.pk))
        await frame_with(communicator, "elsewhere:7")
        await sync_to_async(roles.set_role)(None, alice, roles.Role.USER)
        await communicator.send_to(text_data="{}")
        closed = await communicator.receive_output(5)
        while closed["type"] != "websocket.close":
            closed = await communicator.receive_output(5)
        assert closed["code"] == NOT_STAFF
