"""A browser's page, as far as tests need one: loads it, opens its socket, applies frames."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

from bs4 import BeautifulSoup, Tag
from channels.testing import WebsocketCommunicator
from django.db import connections
from django.test import Client

from chat.models import Message
from chatsite.asgi import routes


class Page:
    """A page as it was loaded, and as the frames of its socket have changed it since."""

    def __init__(self, html: str) -> None:
        self.soup = BeautifulSoup(html, "html.parser")
        self.frames: list[str] = []
        self.data: list[dict[str, Any]] = []
        self.communicator: WebsocketCommunicator | None = None
        self.expected = 1

    @property
    def socket_url(self) -> str:
        return unescape(str(self.soup.select_one("#conversation")["hx-ws:connect"]))

    async def send(self, **content: object) -> None:
        """What hx-ws sends of a form."""
        await self.send_text(json.dumps({**content, "headers": {"HX-Request": "true"}}))

    async def send_text(self, text: str) -> None:
        await self.communicator.send_to(text_data=text)

    async def ask(self, text: str, key: str = "", **more: object) -> None:
        self.expected = len(self.answers()) + 1
        await self.send(action="send", text=text, key=key, **more)

    async def next(self, within: float = 8) -> str:
        """Take one frame."""
        frame = str(await self.communicator.receive_from(within))
        self.frames.append(frame)
        self._apply(frame)
        return frame

    async def until(self, holds, within: float = 8) -> None:
        """Take frames until `holds()` is true."""
        async with asyncio.timeout(within):
            while not holds():
                await self.next(within)

    async def until_status(self, *wanted: str, within: float = 8) -> None:
        """Take frames until the newest answer is in one of these states."""

        def is_there() -> bool:
            statuses = self.statuses()
            return len(statuses) >= self.expected and statuses[-1] in wanted

        await self.until(is_there, within)

    async def until_shown(self, text: str) -> None:
        """Take frames until the page shows `text`."""
        await self.until(lambda: text in self.turns_text())

    async def is_quiet(self) -> bool:
        return await self.communicator.receive_nothing(timeout=0.15)

    # What it shows

    def answers(self) -> list[Tag]:
        """The bubbles of answers, oldest first."""
        return self.soup.select('#turns [data-role="assistant"]')

    def statuses(self) -> list[str]:
        return [str(answer["data-status"]) for answer in self.answers()]

    def last_pk(self) -> int:
        return int(str(self.answers()[-1]["id"]).removeprefix("message-"))

    def turns_text(self) -> str:
        return self.soup.select_one("#turns").get_text()

    def error(self) -> str:
        """What stands under the composer."""
        return self.soup.select_one("#composer-error").get_text(" ", strip=True)

    def turns(self) -> str:
        """The turns as HTML, without differences of white space between elements."""
        return normal(self.soup.select_one("#turns"))

    # As htmx and the page's own script would

    def _apply(self, frame: str) -> None:
        if frame.startswith("{"):
            self._take(json.loads(frame))
            return
        for partial in BeautifulSoup(frame, "html.parser").find_all("hx-partial", recursive=False):
            self._swap(partial)

    def _take(self, content: dict[str, Any]) -> None:
        self.data.append(content)
        if "status" in content:
            bubble = self.soup.select_one(f"#message-{content['message']}")
            assert bubble is not None, f"no bubble for {content}"
            bubble["data-status"] = content["status"]
            bubble["aria-busy"] = (
                "true" if content["status"] in ("queued", "streaming") else "false"
            )

    def _swap(self, partial) -> None:
        target = self.soup.select_one(str(partial["hx-target"]))
        assert target is not None, f"{partial['hx-target']} is not on the page"
        pieces = [piece.extract() for piece in list(partial.contents)]
        match partial["hx-swap"]:
            case "beforeend":
                target.extend(pieces)
            case "innerHTML":
                target.clear()
                target.extend(pieces)
            case "outerHTML":
                target.replace_with(*pieces)
            case other:
                raise AssertionError(f"a swap that nobody expected: {other}")


def normal(element) -> str:
    """HTML to compare: text nodes that only separate elements are dropped, others joined."""
    copy = BeautifulSoup(str(element), "html.parser")
    copy.smooth()
    for text in copy.find_all(string=True):
        if not text.strip() and not text.find_parent("pre"):
            text.extract()
    return str(copy)


async def in_thread(work, *arguments):
    """Call something synchronous, and close the database connection that its thread opened."""

    def call():
        try:
            return work(*arguments)
        finally:
            connections.close_all()

    return await asyncio.to_thread(call)


async def eventually(holds, within: float = 5) -> None:
    """Wait until the awaited `holds()` is true."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110  # a row of the database, not something of ours
            await asyncio.sleep(0.02)


async def settled() -> None:
    """Wait until no answer is being written."""

    async def none_is_live() -> bool:
        return not await Message.objects.live().aexists()

    await eventually(none_is_live)


async def loaded(conversation, user, language: str = "en") -> Page:
    """The page of a conversation, without its socket."""

    def get() -> str:
        client = Client(headers={"accept-language": language})
        client.force_login(user)
        response = client.get(conversation.get_absolute_url())
        assert response.status_code == 200
        return response.content.decode()

    return Page(await in_thread(get))


def cookie_of(user) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


@asynccontextmanager
async def connected(path: str, user=None, *, origin: str | None = "http://localhost"):
    """The socket at `path`: the communicator, whether it was let in, and the closing code."""
    headers = [(b"host", b"localhost")]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    if user is not None:
        headers.append((b"cookie", (await in_thread(cookie_of, user)).encode()))
    communicator = WebsocketCommunicator(routes, path, headers=headers)
    is_in, code = await communicator.connect(timeout=5)
    try:
        yield communicator, is_in, code
    finally:
        await communicator.disconnect()


@asynccontextmanager
async def opened(conversation, user, language: str = "en"):
    """A page of `user` with its socket open."""
    page = await loaded(conversation, user, language)
    async with connected(page.socket_url, user) as (communicator, is_in, _code):
        assert is_in
        page.communicator = communicator
        yield page
