"""Several server processes on one PostgreSQL and one Redis: who reads where does not matter."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.chat.real_sockets import Person, signed_in
from tests.fakes.model_server import Script, running_in_thread
from tests.installations import Installation, services
from tests.processes import wait_until

pytestmark = pytest.mark.scale

MARKDOWN = "# One\n\nSome *text* and `code`.\n\n- a\n- b\n\n```python\nprint(1)\n```\n\n" * 12
PIECES = [MARKDOWN[start : start + 9] for start in range(0, len(MARKDOWN), 9)]


@pytest.fixture(scope="module")
def variables():
    """The environment that all processes share; its services are made for this module alone."""
    with services() as shared:
        yield {**shared, "CHATSITE_SHUTDOWN_GRACE": "0.5"}


@pytest.fixture(scope="module")
def model_server():
    with running_in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def installation(tmp_path_factory, variables):
    """Makes folders for processes; what they share is in the database."""
    return Installation(tmp_path_factory.mktemp("together") / "first", variables)


@pytest.fixture(scope="module")
def first(installation, model_server):
    with installation.served() as site:
        installation.add_people()
        installation.connect(model_server.base_url)
        yield site


@pytest.fixture(scope="module")
def second(installation, first):
    with Installation(
        installation.data.with_name("second"), installation.variables
    ).served() as site:
        yield site


@pytest.fixture
def third(installation, first, tmp_path):
    """A process that does not outlive the test."""
    with Installation(tmp_path / "third", installation.variables).served() as site:
        yield site


@pytest.fixture
def service(model_server):
    """The model service, fresh for this test."""
    model_server.script = Script()
    model_server.requests.clear()
    model_server.resume()
    yield model_server
    model_server.resume()


@dataclass
class Talk:
    """A conversation of alice's with one answer, as she sees it through two processes."""

    alice: Person
    alice_elsewhere: Person
    path: str

    def here(self):
        return self.alice.opened(self.path)

    def elsewhere(self):
        return self.alice_elsewhere.opened(self.path)

    async def reloaded(self) -> str:
        """The turns that a reload elsewhere shows."""
        return (await self.alice_elsewhere.loaded(self.path)).turns()


@asynccontextmanager
async def talk(here, elsewhere):
    async with signed_in(here.url) as alice, signed_in(elsewhere.url) as alice_elsewhere:
        path = await alice.begin("First")
        async with alice.opened(path) as page:
            await page.until_status("done")
        yield Talk(alice, alice_elsewhere, path)


async def test_a_reader_elsewhere_sees_the_answer_live_and_ends_with_what_a_reload_shows(
    first, second, service
):
    async with talk(first, second) as it, it.here() as writer, it.elsewhere() as reader:
        service.tell(say=PIECES, delay=0.01, think=["Let me ", "see."])
        await writer.ask("Second")
        reader.expected = 2
        await reader.until_status("streaming")
        before = len(reader.frames)
        await reader.until_status("done", within=20)
        assert len(reader.frames) - before > 10
        await writer.until_status("done")
        assert reader.turns() == writer.turns() == await it.reloaded()


async def test_each_piece_reaches_a_reader_elsewhere_as_soon_as_it_was_said(first, second, service):
    async with talk(first, second) as it, it.here() as writer, it.elsewhere() as reader:
        service.tell(say=["one ", "two ", "three "], delay=1)
        await writer.ask("Count")
        for word in ("one", "two", "three"):
            await writer.until_shown(word)
            shown_at = time.monotonic()
            await reader.until_shown(word)
            assert time.monotonic() - shown_at < 0.5


async def test_a_reader_who_joins_elsewhere_in_mid_answer_gets_all_of_it(first, second, service):
    async with talk(first, second) as it, it.here() as writer:
        service.tell(say=PIECES, pause_after=40)
        await writer.ask("Second")
        await asyncio.to_thread(wait_until, lambda: service.requests[-1].said == 40)
        async with it.elsewhere() as reader:
            reader.expected = 2
            await reader.until_status("streaming")
            await reader.until_shown("Some text and code")
            service.resume()
            await reader.until_status("done", within=20)
            await writer.until_status("done")
            assert reader.turns() == writer.turns() == await it.reloaded()


async def test_stop_from_elsewhere_closes_the_connection_to_the_service_within_a_second(
    first, second, service
):
    async with talk(first, second) as it, it.here() as writer, it.elsewhere() as reader:
        service.tell(say=["partial ", "never"], pause_after=1)
        await writer.ask("Second")
        await reader.until_shown("partial")
        stopped_at = time.monotonic()
        await reader.send(action="stop")
        request = service.requests[-1]
        await asyncio.to_thread(wait_until, request.disconnected.is_set)
        assert request.disconnected_at - stopped_at < 1
        reader.expected = 2
        await reader.until_status("stopped")
        await writer.until_status("stopped")
        assert reader.turns() == writer.turns() == await it.reloaded()


async def test_an_answer_can_be_regenerated_from_elsewhere(first, second, service):
    async with talk(first, second) as it, it.here() as old, it.elsewhere() as new:
        service.tell(say=["another ", "answer"], delay=0.1)
        await new.send(action="regenerate", message=str(new.last_pk()))
        for page in (new, old):
            await page.until_shown("another answer")
            await page.until_status("done")
        assert old.turns() == new.turns() == await it.reloaded()


async def test_one_conversation_has_one_answer_at_a_time_wherever_it_is_asked(
    first, second, service
):
    async with talk(first, second) as it, it.here() as writer, it.elsewhere() as other:
        service.tell(say=["one ", "two"], pause_after=1)
        await writer.ask("Second")
        await other.until_shown("one")
        await other.send(action="send", text="At the same time", key="k")
        await other.until(lambda: "still being written" in other.error())
        service.resume()
        other.expected = 2
        await other.until_status("done")


async def test_a_service_that_is_silent_for_long_loses_no_reader_elsewhere(first, second, service):
    async with talk(first, second) as it, it.here() as writer, it.elsewhere() as reader:
        service.tell(say=["one ", "two ", "three"], delays=[0, 13])
        await writer.ask("Think")
        reader.expected = 2
        await reader.until_status("done", within=30)
        await writer.until_status("done")
        assert reader.turns() == writer.turns() == await it.reloaded()


async def test_twenty_readers_elsewhere_all_get_all_of_it(first, second, service):
    async with talk(first, second) as it, it.here() as writer, AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(it.elsewhere()) for _ in range(20)]
        service.tell(say=PIECES, delay=0.01)
        await writer.ask("Second")
        for reader in readers:
            reader.expected = 2
        await asyncio.gather(*(reader.until_status("done", within=30) for reader in readers))
        assert {reader.turns() for reader in readers} == {await it.reloaded()}


async def test_a_reader_is_told_when_the_process_that_wrote_was_killed(
    third, second, service, installation
):
    async with talk(third, second) as it, it.elsewhere() as reader:
        async with it.here() as writer:
            service.tell(say=["kept ", "never"], pause_after=1)
            await writer.ask("Second")
            await reader.until_shown("kept")
            await asyncio.sleep(1)  # what was said a second ago is saved
            third.kill()
            killed_at = time.monotonic()
        reader.expected = 2
        await reader.until_status("interrupted", within=30)
        assert time.monotonic() - killed_at < 30
        assert reader.turns() == await it.reloaded()

        service.resume()
        service.script = Script(say=["It goes on."])
        await reader.ask("Go on")
        await reader.until_status("done")
    killed, after = installation.answers()[-2:]
    assert (killed["status"], killed["ledger"]) == ("interrupted", "interrupted")
    assert (killed["text"], after["text"]) == ("kept ", "It goes on.")


async def test_a_reader_is_told_when_the_process_that_wrote_was_ended(third, second, service):
    async with talk(third, second) as it, it.elsewhere() as reader:
        async with it.here() as writer:
            service.tell(say=["kept ", "never"], pause_after=1)
            await writer.ask("Second")
            await reader.until_shown("kept")
            assert await asyncio.to_thread(third.stop) == 0
        ended_at = time.monotonic()
        reader.expected = 2
        await reader.until_status("interrupted", within=20)
        assert time.monotonic() - ended_at < 2
        assert reader.turns() == await it.reloaded()


_ROWS_GO_AND_COME = """
import time
from chat.models import Worker

Worker.objects.all().delete()
while Worker.objects.count() < 2:  # each writes its own with its next heartbeat
    time.sleep(0.05)
"""


async def test_processes_whose_rows_are_gone_go_on_answering(first, second, service, installation):
    async with talk(first, second) as it, it.here() as here, it.elsewhere() as elsewhere:
        await asyncio.to_thread(installation.python, _ROWS_GO_AND_COME)
        for page, other in ((here, elsewhere), (elsewhere, here)):
            await page.ask("Still there?")
            other.expected = page.expected
            await page.until_status("done")
            await other.until_status("done")


async def test_idle_pages_stay_connected(first, second, service):
    async with talk(first, second) as it, it.here() as here, it.elsewhere() as elsewhere:
        await asyncio.sleep(7)  # longer than Redis is waited for at a time
        await here.ask("Still there?")
        elsewhere.expected = 2
        await elsewhere.until_status("done")
        await here.until_status("done")


async def test_two_processes_never_share_a_data_folder(installation, first):
    words = ("up", "--no-model", "--port", "0", "--data", str(installation.data))
    with pytest.raises(AssertionError, match="Another server already works with the data"):
        await asyncio.to_thread(installation.command, *words)
