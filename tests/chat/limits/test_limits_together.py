"""A hundred questions at once, through two processes, against a quota for ten."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from tests.chat.real_sockets import signed_in
from tests.fakes.model_server import running_in_thread
from tests.installations import Installation, services
from tests.processes import wait_until

QUESTIONS, QUOTA = 100, 10

_PREPARE = f"""
import json
from django.contrib.auth.models import User
from admin_models.models import AIModel
from chat.models import Conversation, Limit
alice, model = User.objects.get(username="alice"), AIModel.objects.get(name="fake-model")
Limit.objects.create(measure="messages", parts={QUOTA}, period="month", person=alice)
Limit.objects.create(measure="tokens", parts=10**9, period="month", is_each=False)
rows = [Conversation(owner=alice, title="Test", model=model) for _ in range({QUESTIONS})]
print(json.dumps([row.get_absolute_url() for row in Conversation.objects.bulk_create(rows)]))
"""
_OUTCOME = """
import json
from django.db.models import Sum
from chat.models import Counter, Message, Usage
answers = Message.objects.filter(role="assistant")
codes = list(answers.filter(status="failed").values_list("error__code", flat=True))
print(json.dumps({
    "live": answers.filter(status__in=("queued", "streaming")).count(),
    "done": answers.filter(status="done").count(),
    "refused": codes.count("limit_used_up"),
    "others": [code for code in codes if code != "limit_used_up"],
    "rows": Usage.objects.count(),
    "tokens": Usage.objects.aggregate(sum=Sum("total_tokens"))["sum"],
    "counters": sorted(Counter.objects.values_list("used", flat=True)),
}))
"""
_ADMIT = """
from concurrent.futures import ThreadPoolExecutor
from django.db import connection
from chat.limits import admission, errors
from chat.models import Conversation
own = Conversation.objects.select_related("model__group__environment").order_by("pk")[{share}::2]

def is_let_in(conversation):
    try:
        question = conversation.messages.create(role="user", text="Hi")
        answer = conversation.messages.create(role="assistant", question=question, status="queued")
        asked = admission.Asked(answer.pk, conversation.owner_id, conversation.model, lambda: 5)
        admission.admit(asked)
    except errors.LimitReached:
        return False
    finally:
        connection.close()
    return True

with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(is_let_in, list(own))))
"""


@pytest.fixture
def service():
    with running_in_thread() as server:
        server.pause()
        yield server
        server.resume()


@pytest.fixture
def variables():
    """What makes processes share a PostgreSQL and a Redis."""
    with services() as shared:
        yield shared


@pytest.fixture
def sites(variables, tmp_path, service):
    """An installation, and the two processes that serve it."""
    one = Installation(tmp_path / "one", variables)
    with one.served() as first:
        one.add_people()
        one.connect(service.base_url)
        with Installation(tmp_path / "two", variables).served() as second:
            yield one, first, second


@pytest.mark.scale
async def test_exactly_ten_of_a_hundred_are_let_in_by_two_servers(sites, service):
    installation, *servers = sites
    paths = json.loads(await asyncio.to_thread(installation.python, _PREPARE))
    await asyncio.sleep(1.1)  # as long as a process may not have heard of a limit

    def outcome():
        return json.loads(installation.python(_OUTCOME))

    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(signed_in(site.url)) for site in servers]
        pages = [
            await stack.enter_async_context(people[number % 2].opened(path))
            for number, path in enumerate(paths)
        ]
        await asyncio.gather(*(page.ask("Hi") for page in pages))
        await asyncio.to_thread(
            wait_until, lambda: outcome()["refused"] == QUESTIONS - QUOTA, within=60
        )
        assert len(service.requests) == outcome()["live"] == QUOTA
        service.resume()
        await asyncio.to_thread(wait_until, lambda: outcome()["live"] == 0, within=60)
    found = outcome()
    assert (found["done"], found["rows"], found["others"]) == (QUOTA, QUOTA, [])
    assert found["counters"] == sorted((QUOTA, found["tokens"]))
    assert len(service.requests) == QUOTA


@pytest.mark.server
async def test_exactly_ten_of_a_hundred_are_let_in_by_two_processes_on_one_file(tmp_path, service):
    installation = Installation(tmp_path / "data")
    with installation.served():
        installation.add_people()
        installation.connect(service.base_url)
    installation.python(_PREPARE)
    codes = [_ADMIT.format(share=share) for share in (0, 1)]
    let_in = await asyncio.gather(*(asyncio.to_thread(installation.python, code) for code in codes))
    assert sum(map(int, let_in)) == QUOTA
