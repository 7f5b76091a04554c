"""The people of a synthetic week: each asks one question after the other, in the page's own words
over the page's own socket, waits for the end, and stops what is to be stopped."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Final

import aiohttp
import msgspec

from chatsite.bench.week_plan import Ending, Turn
from chatsite.bench.week_rows import Place

PATIENCE: Final = 90.0
"""Seconds for an answer, also while the server has others to do."""
ENOUGH: Final = re.compile(r"\bword5\b")
"""What has to be on the page before an answer is cut short."""
UNTIL_IT_IS_KEPT: Final = 1.5
"""Seconds until what is shown is in the server's log as well."""
_NEWS: Final = re.compile(r'"status":\s*"(done|failed|stopped|interrupted)"')
_SETTLED: Final = re.compile(
    r'data-role="assistant"\s+data-status="(done|failed|stopped|interrupted)"'
)

Asked = Sequence[tuple[Turn, Place]]


async def ask_all(site: str, asked: Asked) -> list[str]:
    """Have every question asked; a sentence for each that did not end as planned."""
    by_person: defaultdict[int, list[tuple[Turn, Place]]] = defaultdict(list)
    for turn, place in asked:
        by_person[turn.person].append((turn, place))
    async with aiohttp.ClientSession() as session:
        lists = await asyncio.gather(
            *(_ask_in_turn(session, site, theirs) for theirs in by_person.values())
        )
    return [trouble for troubles in lists for trouble in troubles]


async def begin_all(site: str, asked: Asked) -> list[str]:
    """Ask questions, and return while all are being answered; a sentence for each that is not."""
    async with aiohttp.ClientSession() as session:
        return await _troubles(_begin(session, site, *each) for each in asked)


async def see_all(site: str, asked: Asked) -> list[str]:
    """Look at answers again until they rest; a sentence for each that does not rest as planned."""
    async with aiohttp.ClientSession() as session:
        return await _troubles(_see(session, site, *each) for each in asked)


async def _troubles(doing: Iterable[Coroutine[Any, Any, str]]) -> list[str]:
    return [trouble for trouble in await asyncio.gather(*doing) if trouble]


async def _ask_in_turn(session: aiohttp.ClientSession, site: str, asked: Asked) -> list[str]:
    return [trouble for turn, place in asked if (trouble := await _ask(session, site, turn, place))]


async def _ask(session: aiohttp.ClientSession, site: str, turn: Turn, place: Place) -> str:
    async with _Page(session, site, place) as page:
        await page.send(action="send", text=turn.question, model=str(place.model))
        if turn.ending is Ending.STOPPED:
            await page.until(ENOUGH)
            await page.send(action="stop")
        return _trouble(turn, await page.end())


async def _begin(session: aiohttp.ClientSession, site: str, turn: Turn, place: Place) -> str:
    async with _Page(session, site, place) as page:
        await page.send(action="send", text=turn.question, model=str(place.model))
        is_begun = await page.until(ENOUGH)
        await asyncio.sleep(UNTIL_IT_IS_KEPT)
        return "" if is_begun else f"question {turn.number}: was not begun to be answered"


async def _see(session: aiohttp.ClientSession, site: str, turn: Turn, place: Place) -> str:
    async with _Page(session, site, place) as page:
        return _trouble(turn, await page.end())


def _trouble(turn: Turn, status: str) -> str:
    if status == turn.status:
        return ""
    return f"question {turn.number} ({turn.ending}): ended as {status or 'nothing'}"


class _Page:
    """The socket of one conversation."""

    def __init__(self, session: aiohttp.ClientSession, site: str, place: Place) -> None:
        address = f"{site.replace('http', 'ws', 1)}/ws/conversations/{place.conversation}/?seen=-1"
        headers = {"Cookie": place.cookie, "Origin": site}
        self._opening = session.ws_connect(address, headers=headers, max_msg_size=0)
        self._status = ""

    async def __aenter__(self) -> _Page:
        self._socket = await self._opening
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def send(self, **words: str) -> None:
        """Send what a form of the page would."""
        frame = msgspec.json.encode({"key": str(uuid.uuid4()), **words})
        await self._socket.send_str(frame.decode())

    async def until(self, shown: re.Pattern[str]) -> bool:
        """Read until that is shown; False if the answer rests before, or nothing comes."""
        return await self._read(shown)

    async def end(self) -> str:
        """Read until the answer rests, and say how; empty if that does not happen."""
        await self._read(None)
        return self._status

    async def _read(self, shown: re.Pattern[str] | None) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                while not self._status:
                    message = await self._socket.receive()
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        return False
                    self._hear(message.data)
                    if shown is not None and shown.search(message.data):
                        return True
        except TimeoutError:
            pass
        return False

    def _hear(self, frame: str) -> None:
        found = _NEWS.search(frame) if frame.startswith("{") else _SETTLED.search(frame)
        if found is not None:
            self._status = found[1]
        elif frame.startswith("{") and '"refused"' in frame:
            self._status = "refused by the page"
