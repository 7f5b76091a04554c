"""A browser's page on a real server process, over a real connection."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp

from tests.chat.sockets import Page
from tests.installations import PASSWORD


class ConnectionClosed(AssertionError):
    """The server has closed the socket."""


class Wire:
    """A socket with the methods that `Page` knows of channels' communicator."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send_to(self, *, text_data: str) -> None:
        await self._socket.send_str(text_data)

    async def receive_from(self, within: float) -> str:
        message = await self._socket.receive(within)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionClosed(f"{message.type.name} {message.data}")
        text: str = message.data
        return text


class Person:
    """Somebody who is signed in to the server at `url`."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def begin(self, text: str) -> str:
        """Send the first message of a new conversation; returns the conversation's path."""
        form = {"text": text, "model": await self._chosen_model(), "key": ""}
        async with self._http.post("/", data=form | await self._token("/")) as page:
            assert page.status == 200, await page.text()
            assert page.url.path.startswith("/c/")
            return page.url.path

    async def sent(self, path: str, **form: str) -> int:
        """Send a form, as the page at `path` would; the status of what comes back in the end."""
        async with self._http.post(path, data=form | await self._token(path)) as page:
            return page.status

    async def loaded(self, path: str) -> Page:
        """The page at `path`, without its socket."""
        async with self._http.get(path) as page:
            assert page.status == 200
            return Page(await page.text())

    @asynccontextmanager
    async def opened(self, path: str) -> AsyncIterator[Page]:
        """The page at `path` with its socket open."""
        page = await self.loaded(path)
        async with self._http.ws_connect(page.socket_url, origin=self._url.rstrip("/")) as socket:
            page.communicator = cast(Any, Wire(socket))
            yield page

    async def sign_in(self, name: str) -> None:
        form = {"login": name, "password": PASSWORD}
        path = "/accounts/login/"
        async with self._http.post(path, data=form | await self._token(path)) as page:
            assert page.url.path == "/", await page.text()

    async def _token(self, path: str) -> dict[str, str]:
        return {
            "csrfmiddlewaretoken": _found(
                r'csrfmiddlewaretoken" value="(\w+)"', await self._text(path)
            )
        }

    async def _chosen_model(self) -> str:
        return _found(r'<option value="(\d+)" selected', await self._text("/"))

    async def _text(self, path: str) -> str:
        async with self._http.get(path) as page:
            return await page.text()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, f"no {pattern} in {text}"
    return match[1]


@asynccontextmanager
async def signed_in(url: str, name: str = "alice") -> AsyncIterator[Person]:
    """Somebody who has just signed in to the server at `url`."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address, too
    async with aiohttp.ClientSession(url, cookie_jar=jar) as http:
        person = Person(http, url)
        await person.sign_in(name)
        yield person
