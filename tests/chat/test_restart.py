"""A real server process is killed or told to end in mid-answer, and started again."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress

import pytest

from tests.chat.real_sockets import ConnectionClosed, signed_in
from tests.fakes.model_server import Script, running_in_thread
from tests.installations import Installation
from tests.processes import is_alive, wait_until

pytestmark = pytest.mark.server

SLOW = [f"word-{number} " for number in range(1000)]
"""An answer that is nowhere near its end when something happens."""


@pytest.fixture(scope="module")
def model_server():
    with running_in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def installation(tmp_path_factory, model_server):
    installation = Installation(
        tmp_path_factory.mktemp("site") / "data", {"CHATSITE_SHUTDOWN_GRACE": "1"}
    )
    with installation.served():
        installation.add_people()
        installation.connect(model_server.base_url)
    return installation


@pytest.fixture
def service(model_server):
    """The model service, fresh for this test."""
    model_server.script = Script()
    model_server.requests.clear()
    model_server.resume()
    return model_server


class Record:
    """When the service had said how much of its answer; times are of the monotonic clock."""

    def __init__(self, seen) -> None:
        self._seen = seen
        self._samples: list[tuple[float, int]] = []

    async def keep(self) -> None:
        while True:
            self._samples.append((time.monotonic(), self._seen.said))
            await asyncio.sleep(0.01)

    def pieces_at(self, moment: float) -> int:
        return max(said for at, said in self._samples if at <= moment)


async def shown_words(page, number: int) -> None:
    await page.until(lambda: f"word-{number} " in page.turns_text(), within=20)


def words_of(text: str) -> list[str]:
    return re.findall(r"word-\d+ ", text)


async def test_kill_9_in_mid_answer_loses_a_second_at_most_and_leaves_no_stuck_answer(
    installation, service
):
    service.once(Script(say=SLOW, delay=0.02), Script(silence=60))
    with installation.served() as server:
        async with signed_in(server.url) as alice:
            path = await alice.begin("Count")
            silent_path = await alice.begin("Hello?")
            async with alice.opened(path) as page:
                record = Record(service.requests[0])
                recording = asyncio.create_task(record.keep())
                await shown_words(page, 100)
                server.kill()
                killed_at = time.monotonic()
                recording.cancel()

    service.say = ["It goes on."]
    with installation.served() as server:
        started_at = time.monotonic()
        async with signed_in(server.url) as alice, alice.opened(path) as page:
            await page.until_status("interrupted", within=35)
            assert time.monotonic() - started_at < 30
            answer, silent_answer = installation.answers()[-2:]
            assert (answer["status"], answer["ledger"]) == ("interrupted", "interrupted")
            kept = words_of(answer["text"])
            assert kept == SLOW[: len(kept)]
            assert len(kept) >= record.pieces_at(killed_at - 1)
            assert answer["text"].strip() in page.turns_text()
            assert page.turns() == (await alice.loaded(path)).turns()

            await page.ask("Go on")
            await page.until_status("done")
            assert "It goes on." in page.turns_text()

            assert (silent_answer["status"], silent_answer["text"]) == ("interrupted", "")
            assert (await alice.loaded(silent_path)).statuses() == ["interrupted"]
    sent = service.requests[-1].body["messages"]
    assert [message["content"] for message in sent] == ["Count", answer["text"], "Go on"]
    assert "Traceback" not in server.output


async def test_sigterm_in_mid_answer_interrupts_it_after_its_grace(installation, service):
    service.tell(say=SLOW, delay=0.02)
    with installation.served() as server:
        async with signed_in(server.url) as alice:
            path = await alice.begin("Count")
            async with alice.opened(path) as page:
                await shown_words(page, 20)
                asked_at = time.monotonic()
                ending = asyncio.create_task(asyncio.to_thread(server.stop, 15))
                await page.until_status("interrupted", within=10)
                shown = page.turns()
                assert await ending == 0
                assert 1 <= time.monotonic() - asked_at < 5
    assert "Traceback" not in server.output
    answer = installation.answers()[-1]
    assert (answer["status"], answer["ledger"]) == ("interrupted", "interrupted")
    assert len(words_of(answer["text"])) >= 20 + 40  # what the grace of one second brought
    assert service.requests[0].disconnected.is_set()

    with installation.served() as server:
        async with signed_in(server.url) as alice:
            assert (await alice.loaded(path)).turns() == shown


async def test_an_answer_that_ends_within_the_grace_is_complete(installation, service):
    service.tell(say=["one ", "two"], pause_after=1)
    with installation.served() as server:
        async with signed_in(server.url) as alice:
            path = await alice.begin("Count")
            async with alice.opened(path) as page:
                await page.until_shown("one")
                ending = asyncio.create_task(asyncio.to_thread(server.stop, 15))
                await asyncio.sleep(0.3)
                service.resume()
                await page.until_status("done")
                assert await ending == 0
    assert installation.answers()[-1]["text"] == "one two"


async def test_sigterm_with_idle_pages_open_ends_the_process_at_once(installation, service):
    with installation.served() as server:
        async with signed_in(server.url) as alice:
            path = await alice.begin("Hi")
            async with alice.opened(path) as page:
                await page.until_status("done")
                asked_at = time.monotonic()
                ending = asyncio.create_task(asyncio.to_thread(server.stop, 15))
                with suppress(ConnectionClosed):
                    await page.next()
                assert await ending == 0
                assert time.monotonic() - asked_at < 3
    assert "Traceback" not in server.output
    assert not is_alive(server.pid)


async def test_stop_closes_the_connection_to_the_service_within_a_second(installation, service):
    service.tell(say=["partial ", "never"], pause_after=1)
    with installation.served() as server:
        async with signed_in(server.url) as alice:
            path = await alice.begin("Hi")
            async with alice.opened(path) as page:
                await page.until_shown("partial")
                stopped_at = time.monotonic()
                await page.send(action="stop")
                await page.until_status("stopped")
                await asyncio.to_thread(wait_until, service.requests[0].disconnected.is_set)
                assert service.requests[0].disconnected_at - stopped_at < 1
                assert page.turns() == (await alice.loaded(path)).turns()
    assert installation.answers()[-1]["text"] == "partial "
