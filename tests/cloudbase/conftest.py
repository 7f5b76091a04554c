"""A model server on loopback and the real client pointed at it."""

from contextlib import aclosing

import pytest
import pytest_asyncio

from chat.cloudbase import ChatRequest, Message, OpenAICompatible, Patience
from tests.fakes.environment import CloudBaseEnvironment
from tests.fakes.model_server import ModelServer

QUICK = Patience(connect=1, first_byte=1, idle=0.5, after_finish=0.2)


@pytest.fixture
def question():
    return ChatRequest(model="m1", messages=(Message("user", "hi"),))


@pytest_asyncio.fixture
async def server():
    async with ModelServer() as running:
        yield running


@pytest_asyncio.fixture
async def environment():
    async with CloudBaseEnvironment() as running:
        yield running


@pytest_asyncio.fixture
async def model(server):
    async with OpenAICompatible(base_url=server.base_url, api_key="key-1", patience=QUICK) as app:
        yield app.ai().create_model("custom-lab")


@pytest.fixture
def asked(model, question):
    """Stream an answer; return all events and the error that ended it, if one did."""

    async def ask(request=question, **options):
        return await gathered(model, request, **options)

    return ask


async def gathered(model, request, **options):
    events = []
    failure = None
    try:
        async with aclosing(model.stream(request, **options)) as stream:
            async for batch in stream:
                events += batch
    except Exception as error:  # whatever it is: the test looks at it
        failure = error
    return events, failure


def text_of(events):
    return "".join(event.text for event in events if hasattr(event, "text"))
