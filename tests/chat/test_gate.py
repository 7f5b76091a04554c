"""A turn passes the gate of preflight before it calls, and what its call shows is remembered."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from admin_models import local
from admin_models.models import AIModel, Observation, TokenPack
from admin_models.preflight import asking
from chat.models import Conversation, Message, Usage
from chat.rendering import fragments
from chat.turns import engine
from chat.turns.questions import Question
from tests.admin_models.conftest import make_environment
from tests.chat.sockets import opened
from tests.fakes.environment import CloudBaseEnvironment
from tests.fakes.environment_state import OFF, Pack
from tests.fakes.model_server import Script

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
async def cloud():
    """A CloudBase environment."""
    async with CloudBaseEnvironment(script=Script(say=["Hel", "lo"])) as fake:
        yield fake


@pytest.fixture
async def elsewhere(serving, cloud, alice):
    """A conversation with the managed model of a CloudBase environment of which all is known."""
    environment = await make_environment(cloud)
    await asking.renew(environment.pk)
    rows = AIModel.objects.select_related("group__environment")
    model = await rows.aget(name="deepseek-v4-flash")
    return await Conversation.objects.acreate(owner=alice, title="Elsewhere", model=model)


async def problem_of(conversation, alice) -> tuple[str, str]:
    """Ask, and say of what stage and code the error is."""
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("failed", within=20)
        problem = page.soup.select("#turns .problem")[-1]
        return problem["data-stage"], problem["data-code"]


async def noted_calls() -> list[Observation]:
    rows = Observation.objects.filter(action="ChatCompletions").order_by("pk")
    return [row async for row in rows]


async def test_a_model_that_passed_answers_and_that_is_noted(elsewhere, alice, cloud):
    async with opened(elsewhere, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
        await page.ask("And again")
        await page.until_status("done")
    [call] = await noted_calls()
    assert (call.subject, call.answer) == ("cloudbase/deepseek-v4-flash", True)
    assert len(cloud.data_calls) == 2


async def test_a_gate_that_is_shut_says_what_to_do_and_calls_nothing(
    elsewhere, alice, cloud, caplog
):
    cloud.state.groups[0].status = OFF
    await asking.renew(elsewhere.model.group.environment_id)
    assert await problem_of(elsewhere, alice) == ("preflight", "preflight_group_off")
    assert not cloud.data_calls
    assert not await Usage.objects.aexists()
    assert "failed at stage preflight: preflight_group_off" in caplog.text
    message = await Message.objects.aget(role="assistant")
    action = fragments.problem(message.error).action
    assert (action.kind, action.label) == ("enable", "Switch on deepseek-v4-flash")
    assert action.environment == elsewhere.model.group.environment_id
    assert (action.group, action.model) == ("cloudbase", "deepseek-v4-flash")


async def test_a_call_that_is_refused_is_of_another_stage_and_noted(
    elsewhere, alice, cloud, caplog
):
    cloud.refuse_next("AI_MODEL_DISABLED", times=5)
    assert await problem_of(elsewhere, alice) == ("call", "model_disabled")
    assert "failed at stage call: model_disabled" in caplog.text
    message = await Message.objects.aget(role="assistant")
    assert fragments.problem(message.error).action is None
    [call] = await noted_calls()
    assert call.error["code"] == "model_disabled"


async def test_a_fault_of_the_moment_is_not_held_against_the_model(elsewhere, alice, cloud):
    cloud.refuse_next("SYS_ERR", times=9)
    assert (await problem_of(elsewhere, alice))[0] == "call"
    assert not await noted_calls()


async def test_nothing_else_is_called_where_nothing_pays(elsewhere, alice, cloud):
    cloud.state.packs = [Pack(status=3)]
    await asking.renew(elsewhere.model.group.environment_id)
    assert await problem_of(elsewhere, alice) == ("preflight", "preflight_not_yet_known")
    assert not cloud.data_calls
    message = await Message.objects.aget(role="assistant")
    assert message.requested_model == "deepseek-v4-flash"
    assert message.answered_model == ""


# ── the local environment ────────────────────────────────────────────────────


@pytest.fixture
async def at_home(serving, service, alice):
    """A conversation with the embedded model."""
    model = await database_sync_to_async(local.register_model)(
        base_url=service.base_url, key="k", name="tiny", context_length=None, parameters={}
    )
    return await Conversation.objects.acreate(owner=alice, title="At home", model=model)


async def test_a_managed_answer_is_drawn_from_the_pack(at_home, alice):
    async with opened(at_home, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
    usage = await Usage.objects.aget()
    assert (await TokenPack.objects.aget()).used_tokens == usage.total_tokens > 0


async def test_an_answer_of_a_custom_group_is_not(conversation, alice):
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
    assert (await TokenPack.objects.aget()).used_tokens == 0


async def test_a_pack_that_is_used_up_shuts_the_gate(at_home, alice, service):
    await TokenPack.objects.aupdate(used_tokens=local.FIRST_PACK_TOKENS)
    assert await problem_of(at_home, alice) == ("preflight", "preflight_nobody_pays")
    assert not service.requests


@pytest.mark.parametrize(("kind", "reads"), [("conversation", 0), ("at_home", 1)])
async def test_the_gate_costs_an_answer_at_home_one_query_at_the_most(
    request, conversation, at_home, kind, reads
):
    chosen = {"conversation": conversation, "at_home": at_home}[kind]
    queries = CaptureQueriesContext(connection)
    await database_sync_to_async(queries.__enter__)()
    await engine.ask(chosen.pk, lambda _conversation: Question("Hi"))
    async for _ in _until_done(chosen.pk):
        pass
    statements = await database_sync_to_async(lambda: [query["sql"] for query in queries])()
    await database_sync_to_async(queries.__exit__)(None, None, None)
    about = [s for s in statements if "tokenpack" in s or "observation" in s]
    assert sum(statement.startswith("SELECT") for statement in about) == reads
    assert sum(statement.startswith("UPDATE") for statement in about) == reads


async def _until_done(pk: int):
    while not await Message.objects.filter(
        conversation=pk, role="assistant", status="done"
    ).aexists():
        yield
