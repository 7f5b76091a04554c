"""How often something may be done is counted once for all server processes."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from tests.chat.real_sockets import signed_in
from tests.fakes.model_server import running_in_thread
from tests.installations import PASSWORD, Installation, services
from tests.processes import Variables

pytestmark = pytest.mark.scale

MOST = 4
"""How often each thing may be done in a day, but for signing in, whose rates are fixed."""
FAILURES = 5
"""So often a name may be tried in five minutes."""
RATE = f"{MOST}/d"
AT_ONCE = 12

_TOKEN = """
from django.contrib.auth.models import User
from chat.models import ApiToken
from chat.operations import tokens
root = User.objects.get(username="root")
print(tokens.make(root, "Report", [ApiToken.Scope.USAGE_READ], None)[1])
"""


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """An installation, and the two processes that serve it."""
    folder = tmp_path_factory.mktemp("rates")
    rates = {f"CHATSITE_{what}_RATE": RATE for what in ("SEND", "API", "UPLOAD")}
    with services() as shared, running_in_thread() as service:
        variables: Variables = {**shared, **rates, "CHATSITE_TRUSTED_PROXIES": "127.0.0.1"}
        one = Installation(folder / "one", variables)
        with one.served() as first:
            one.add_people()
            one.add_admin()
            one.connect(service.base_url)
            with Installation(folder / "two", variables).served() as second:
                yield one, first, second


@asynccontextmanager
async def in_turns(sites, name: str):
    """Somebody who is signed in to both processes; each call gives the next one."""
    _installation, *servers = sites
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(signed_in(site.url, name)) for site in servers]
        yield [people[number % 2] for number in range(AT_ONCE)]


async def answers(asking) -> Counter[int]:
    """How often each status was answered to what is asked at once."""
    return Counter(await asyncio.gather(*asking))


async def test_questions(sites):
    async with in_turns(sites, "alice") as people:
        asking = (person.sent("/", text="Hi", key="") for person in people)
        assert await answers(asking) == {200: MOST, 429: AT_ONCE - MOST}


async def test_uploads(sites):
    async with in_turns(sites, "root") as people:
        path = "/configuration/"
        asking = (person.sent(path, text='{"format": "none"}') for person in people)
        assert await answers(asking) == {422: MOST, 429: AT_ONCE - MOST}


async def test_the_api(sites):
    installation, *servers = sites
    token = (await asyncio.to_thread(installation.python, _TOKEN)).strip()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:

        async def asked(number: int) -> int:
            async with http.get(f"{servers[number % 2].url}api/v1/usage/rows") as response:
                assert response.status == 200 or 0 < int(response.headers["Retry-After"]) <= 86_400
                return response.status

        asking = (asked(number) for number in range(AT_ONCE))
        assert await answers(asking) == {200: MOST, 429: AT_ONCE - MOST}


async def tried(url: str, name: str, password: str) -> str:
    """What somebody reads who signs in from an address of their own."""
    jar = aiohttp.CookieJar(unsafe=True)
    headers = {"X-Forwarded-For": "192.0.2.1"}
    async with aiohttp.ClientSession(url, cookie_jar=jar, headers=headers) as http:
        async with http.get("/accounts/login/") as page:
            token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', await page.text())
        form = {"login": name, "password": password, "csrfmiddlewaretoken": token[1]}
        async with http.post("/accounts/login/", data=form) as page:
            return await page.text()


async def test_failures_to_sign_in(sites):
    _installation, *servers = sites
    said = [await tried(servers[number % 2].url, "mallory", "wrong") for number in range(FAILURES)]
    assert all("not correct" in page for page in said)
    for site in servers:
        assert "Too many failed login attempts" in await tried(site.url, "mallory", PASSWORD)


async def test_failures_to_sign_in_at_once(sites):
    _installation, *servers = sites
    trying = (tried(servers[number % 2].url, "nobody", "wrong") for number in range(AT_ONCE))
    pages = await asyncio.gather(*trying)
    assert sum("not correct" in page for page in pages) <= FAILURES
