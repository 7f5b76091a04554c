"""One trace tells where the time of a turn went, and nothing that anybody wrote."""

from __future__ import annotations

import socket
import sys
import time

import pytest

from admin_models import connections
from chat import tracing as steps
from chat.models import Message
from chat.turns import worker
from chatsite import tracing
from tests import processes
from tests.chat.real_sockets import signed_in
from tests.chat.sockets import opened
from tests.fakes import collector as collectors
from tests.fakes import model_server as model_servers
from tests.fakes.model_server import Script, refusal
from tests.installations import Installation

PARENTS = {
    "save": "socket frame",
    "answer": "socket frame",
    "limits": "answer",
    "gate": "answer",
    "call": "answer",
    "until the first byte": "call",
    "until the last byte": "call",
    "settle": "answer",
}


@pytest.fixture
def collector(monkeypatch):
    with collectors.running_in_thread() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


@pytest.fixture
async def working(transactional_db, settings):
    """The application without traces, for a test that begins and ends them."""
    settings.SHUTDOWN_GRACE_SECONDS = 0
    async with connections.opened(tracing.headers), worker.working():
        yield


async def asked(conversation, person, text="Something personal", status="done") -> Message:
    async with opened(conversation, person) as page:
        await page.ask(text)
        await page.until_status(status)
    return await Message.objects.aget(role="assistant")


@pytest.mark.usefixtures("working")
async def test_one_trace_goes_from_the_frame_to_the_last_byte_and_the_saved_row(
    conversation, alice, service, collector
):
    service.once(Script(say=["One ", "two"], silence=0.2, delays=[0.0, 0.2]))
    async with tracing.running():
        answer = await asked(conversation, alice)
    of_turn = [span for span in collector.spans if span.name != "http request"]  # of the page
    assert {span.name for span in of_turn} == {*PARENTS, "socket frame"}
    assert len({span.trace for span in of_turn}) == 1
    by_id = {span.id: span.name for span in collector.spans}
    assert collector.named("socket frame").parent == ""
    assert {name: by_id[collector.named(name).parent] for name in PARENTS} == PARENTS
    first, last = (collector.named(f"until the {name} byte") for name in ("first", "last"))
    assert first.end - first.begin >= 0.2e9
    assert last.end - last.begin >= 0.2e9
    call, settle = collector.named("call"), collector.named("settle")
    assert call.begin <= first.begin < first.end <= last.begin < last.end <= call.end
    assert call.end <= settle.begin
    facts = collector.named("answer").facts
    assert facts["chatsite.request_id"] == answer.request_id
    assert (facts["chatsite.turn"], facts["chatsite.user"]) == (answer.pk, alice.pk)
    assert (facts["chatsite.model"], facts["chatsite.status"]) == ("fake-model", "done")
    assert collector.resources[0]["service.name"] == "chatsite"


@pytest.mark.usefixtures("working")
async def test_a_trace_holds_no_text_no_key_and_no_name(conversation, alice, service, collector):
    service.say = ["An answer of its own"]
    service.once(Script(status=401, body='{"error": {"message": "bad {authorization}"}}'))
    async with tracing.running():
        await asked(conversation, alice, status="failed")
        await Message.objects.all().adelete()
        await asked(conversation, alice)
    sent = b"".join(collector.bodies)
    assert collector.spans
    words = ("alice", "Something personal", "An answer of its own", "sk-test-key", "Bearer")
    assert [word for word in words if word.encode() in sent] == []


@pytest.mark.usefixtures("working")
async def test_a_failure_has_its_stage_and_code_where_it_happened(
    conversation, alice, service, collector
):
    service.once(refusal(500, "SYS_ERR", "words of the service"))
    async with tracing.running():
        await asked(conversation, alice, status="failed")
    for name in ("until the first byte", "call", "answer"):
        span = collector.named(name)
        assert span.error == "provider_failed"
        assert (span.facts["chatsite.stage"], span.facts["chatsite.code"]) == (
            "call",
            "provider_failed",
        )
    assert collector.named("settle").error == ""
    assert b"words of the service" not in b"".join(collector.bodies)


@pytest.mark.usefixtures("working")
async def test_stopping_is_no_failure(conversation, alice, service, collector):
    service.once(Script(say=["One ", "two"], pause_after=1))
    async with tracing.running(), opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("streaming")
        await page.send(action="stop")
        await page.until_status("stopped")
    call = collector.named("call")
    assert (call.error, call.facts["chatsite.cancelled"]) == ("", True)
    assert collector.named("answer").facts["chatsite.status"] == "stopped"


@pytest.mark.usefixtures("working")
async def test_the_service_is_told_of_the_trace_by_whoever_wants_that(
    conversation, alice, service, collector
):
    async with tracing.running():
        await asked(conversation, alice)
    told = service.requests[-1].headers
    span = collector.named("until the first byte")
    found = {name.lower(): value for name, value in told.items()}["traceparent"]
    assert found.startswith(f"00-{span.trace}-{span.id}-")


@pytest.mark.usefixtures("serving")
async def test_a_service_is_not_told_by_itself(conversation, alice, service, collector):
    async with tracing.running():
        await asked(conversation, alice)
    assert "traceparent" not in {name.lower() for name in service.requests[-1].headers}


async def test_a_collector_that_does_not_answer_does_not_hold_up_the_end(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        async with tracing.running():
            with steps.step("something"):
                pass
            began = time.monotonic()
        assert time.monotonic() - began < tracing.LAST_WORDS + 2


def test_steps_cost_nothing_while_nobody_traces():
    assert steps.here() is None
    with steps.step("a", model="m") as one, steps.step("b", under=object()) as other:
        one.note(status="done")
    assert one is other  # nothing is made for them


def test_without_traces_nothing_of_them_is_loaded(tmp_path):
    code = (
        "import django, sys; django.setup(); import chatsite.asgi, chatsite.urls; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    variables: processes.Variables = {
        "DJANGO_SETTINGS_MODULE": "chatsite.settings",
        "CHATSITE_DATA_DIR": str(tmp_path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": None,
    }
    command = [sys.executable, "-c", code]
    with processes.running(command, tmp_path / "log", variables) as process:
        assert process.wait(60) == 0


@pytest.mark.server
async def test_a_server_traces_a_first_question_from_its_http_request(tmp_path):
    with model_servers.running_in_thread() as service, collectors.running_in_thread() as collector:
        variables: processes.Variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "CHATSITE_TRACE_UPSTREAM": "1",
        }
        installation = Installation(tmp_path / "data", variables)
        with installation.served() as site:
            installation.add_people()
            installation.connect(service.base_url)
            async with signed_in(site.url) as alice:
                path = await alice.begin("Hi")
                async with alice.opened(path) as page:
                    await page.until_status("done")
            site.stop()
    answer, call = collector.named("answer"), collector.named("call")
    [request] = [
        span
        for span in collector.spans
        if span.name == "http request" and span.trace == answer.trace
    ]
    assert answer.parent == request.id
    assert call.trace == answer.trace
    assert request.facts["chatsite.view"] == "home"
    headers = {name.lower(): value for name, value in service.requests[-1].headers.items()}
    assert headers["traceparent"].split("-")[1] == answer.trace
