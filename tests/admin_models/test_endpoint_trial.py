"""An endpoint is tried before it is saved: what can be wrong is told apart, the rest is learnt."""

from __future__ import annotations

import asyncio
import base64
import socket
import zlib
from contextlib import asynccontextmanager

import pytest

from admin_models import endpoint_questions, endpoint_trial
from admin_models.endpoint_trial import Candidate
from admin_models.findings import Finding
from admin_models.models import ModelAbilities
from admin_models.preflight.checks import State
from admin_models.showing import trials
from tests.fakes import certificates
from tests.fakes.model_server import ModelServer, Script, refusal

KEY = "5f0e2b77-key-of-an-endpoint"
ALL = ("Name (DNS)", "Connection (TLS)", "List of models", "API key", "Answer")
LEARNT = ("Usage report", "Tools", "Pictures", "Reasoning")
HTML = "<!doctype html><title>Welcome</title><p>Hello"

OK, SKIPPED, UNKNOWN, NOT_OK = State.OK, State.SKIPPED, State.UNKNOWN, State.NOT_OK


@pytest.fixture(autouse=True)
def hurried(settings):
    """A first word is expected soon; three times as long is waited."""
    settings.PREFLIGHT_TIMEOUT_SECONDS = 0.5


async def trial_of(url: str, model: str = "fake-model", key: str = KEY) -> endpoint_trial.Trial:
    return await endpoint_trial.of(Candidate(url, key), model)


def states(trial: endpoint_trial.Trial) -> dict[str, State]:
    return {found.title: found.state for found in trial.tried.findings}


def found(trial: endpoint_trial.Trial, title: str) -> Finding:
    return next(one for one in trial.tried.findings if one.title == title)


def said(trial: endpoint_trial.Trial, title: str) -> str:
    finding = found(trial, title)
    sentence: str = finding.sentence % finding.params
    return sentence


def error(message: str, status: int = 400, **members: str) -> Script:
    """A refusal as OpenAI words it."""
    return Script(status=status, body={"error": {"message": message, **members}})


@asynccontextmanager
async def listener(serve):
    """A server that speaks no HTTP unless `serve(reader, writer)` does."""
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


# What works


async def test_everything_of_a_good_endpoint_is_found_good(service):
    service.models = ["fake-model", "other"]
    service.tell(think=("Hm.",))
    trial = await trial_of(service.base_url)
    assert tuple(states(trial)) == ALL + LEARNT
    # Plain http works, with a warning.
    assert states(trial) == dict.fromkeys(ALL + LEARNT, OK) | {"Connection (TLS)": SKIPPED}
    assert trial.tried.is_good
    assert said(trial, "List of models") == "Models that the endpoint lists: 2."
    assert found(trial, "List of models").saw == "fake-model, other"
    assert "fake-model answered; the first word came after 0." in said(trial, "Answer")
    assert found(trial, "Answer").saw == "fake-model, stop"


async def test_what_was_learnt_is_dated_and_belongs_to_the_address_as_it_is_called(service):
    service.tell(think=("Hm.",))
    abilities = (await trial_of(f" {service.base_url}/ ")).abilities
    assert (abilities.base_url, abilities.model) == (service.base_url, "fake-model")
    assert abilities.tried_at is not None
    assert abilities.pk is None
    assert all(getattr(abilities, name) is True for name in ABILITIES)


ABILITIES = ("streams", "reports_usage", "accepts_tools", "accepts_images", "emits_reasoning")


async def test_a_trial_is_three_small_questions_each_sent_once(service):
    await trial_of(service.base_url)
    plain, tool, image = (seen.body for seen in service.requests)
    assert all(body["max_tokens"] == 16 and body["stream"] is True for body in (plain, tool, image))
    assert "tools" not in plain
    assert [each["function"]["name"] for each in tool["tools"]] == ["get_time"]
    (text, picture) = image["messages"][0]["content"]
    assert text["type"] == "text"
    assert picture["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")
    assert len(picture["image_url"]["url"]) < 400
    assert {seen.headers["Authorization"] for seen in service.requests} == {f"Bearer {KEY}"}


async def test_a_busy_service_is_not_asked_again(service):
    service.tell(status=503, body="busy")
    trial = await trial_of(service.base_url)
    assert len(service.requests) == 1
    assert states(trial)["Answer"] is NOT_OK
    assert trial.abilities is None


# What is wrong before anybody answers


async def test_a_name_that_does_not_exist(service):
    trial = await trial_of("https://nowhere.invalid/v1")
    assert states(trial) == dict.fromkeys(ALL, UNKNOWN) | {"Name (DNS)": NOT_OK}
    assert said(trial, "Name (DNS)") == "There is no server of the name nowhere.invalid."
    assert found(trial, "Name (DNS)").advice
    assert not trial.tried.is_good
    assert trial.abilities is None


async def test_a_closed_port_refuses():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, but nobody listens
        trial = await trial_of(f"http://127.0.0.1:{nobody.getsockname()[1]}/v1")
    assert tuple(states(trial).values()) == (OK, NOT_OK, UNKNOWN, UNKNOWN, UNKNOWN)
    assert "Nothing accepts connections" in said(trial, "Connection (TLS)")
    assert "whether the service is running" in found(trial, "Connection (TLS)").advice


async def test_a_certificate_that_nobody_vouches_for(tmp_path):
    async with ModelServer(certificate=certificates.untrusted(tmp_path)) as server:
        trial = await trial_of(server.base_url)
    assert server.base_url.startswith("https://")
    assert tuple(states(trial).values()) == (OK, NOT_OK, UNKNOWN, UNKNOWN, UNKNOWN)
    assert "no valid certificate" in said(trial, "Connection (TLS)")
    assert server.requests == []


async def test_a_server_without_tls(service):
    trial = await trial_of(service.base_url.replace("http:", "https:"))
    assert states(trial)["Connection (TLS)"] is NOT_OK
    assert "no valid certificate" in said(trial, "Connection (TLS)")


async def test_a_server_that_never_answers():
    async def be_silent(reader, writer):
        await reader.read()  # until they hang up
        writer.close()

    async with listener(be_silent) as where:
        trial = await trial_of(f"http://{where}/v1")
    assert tuple(states(trial).values()) == (OK, UNKNOWN, UNKNOWN, UNKNOWN, NOT_OK)
    assert "Not a word came in 1.5 seconds." in said(trial, "Answer")


async def test_an_address_that_may_not_be_called(service, settings):
    settings.PRIVATE_HOSTS = []
    trial = await trial_of(service.base_url)
    assert tuple(states(trial).values()) == (OK, NOT_OK, UNKNOWN, UNKNOWN, UNKNOWN)
    assert "CHATSITE_PRIVATE_HOSTS=127.0.0.1:" in said(trial, "Connection (TLS)")
    assert found(trial, "Connection (TLS)").advice
    assert service.requests == []


@pytest.mark.parametrize(
    ("url", "key", "title"),
    [
        ("ftp://llm.example/v1", KEY, "Connection (TLS)"),
        (f"https://me:{KEY}@llm.example/v1", KEY, "Connection (TLS)"),
        ("https://llm.example/v1", f"{KEY}\nand more", "API key"),
    ],
)
async def test_what_is_no_address_or_no_key_is_not_tried(url, key, title):
    trial = await trial_of(url, key=key)
    listed = await endpoint_trial.listed(Candidate(url, key))
    (finding,) = trial.tried.findings
    assert finding == listed.finding
    assert (finding.title, finding.state, trial.tried.host) == (title, NOT_OK, "")
    assert KEY not in f"{trial!r}{listed!r}"


# What is wrong with the answer

NO_MODEL = "The endpoint does not know the model fake-model."
NO_CHAT = "There is no chat interface at http"
STRANGE = "does not speak like OpenAI's chat interface"


@pytest.mark.parametrize(
    ("script", "sentence", "advice"),
    [
        (Script(status=404, body=HTML), NO_CHAT, "ends with the version"),
        (error("Invalid URL (POST /chat/completions)", 404), NO_CHAT, "ends with the version"),
        (Script(status=405, body=""), NO_CHAT, "ends with the version"),
        (error("The model does not exist", 404, code="model_not_found"), NO_MODEL, "exactly"),
        (error("model 'fake-model' not found", 404), NO_MODEL, "exactly"),
        (error("Model Not Exist"), NO_MODEL, "exactly"),
        (Script(status=301, headers={"Location": "https://x/"}), "leads to another", "https://"),
        (Script(body=HTML), STRANGE, "ends with the version"),
        (Script(body={"answer": "hello"}), STRANGE, "ends with the version"),
        (Script(body="data: hello", content_type="text/plain"), STRANGE, "ends with the version"),
        (Script(body='data: {"text": "hi"}\n\n', content_type="text/event-stream"), STRANGE, ""),
        (Script(say=("hi",), ending="close", finish_reason=None), "broke off", ""),
        (
            Script(body={"choices": [{"message": {"content": "hi"}}]}),
            "it does not stream",
            "that streams",
        ),
        (Script(delay=0.7), "The first word came after 0.7 seconds.", "loaded first"),
        (Script(delay=5), "Not a word came in 1.5 seconds.", "loaded first"),
        (Script(silence=5), "Not a word came in 1.5 seconds.", "loaded first"),
        (Script(ending="hang", finish_reason=None), "there was no end of them", "another model"),
        (Script(say=["x" * 5000] * 1000), "more than 256 KB came", "base URL"),
        (Script(body="x" * 500_000, content_type="text/plain"), "more than 256 KB came", ""),
        (error("no money left", 429, code="insufficient_quota"), "used up", ""),
        (Script(status=500, body="oh"), "failed", ""),
    ],
    ids=lambda value: None if isinstance(value, Script) else value[:30].replace(" ", "_"),
)
async def test_each_thing_that_can_be_wrong_with_an_answer_is_told_by_itself(
    service, script, sentence, advice
):
    service.script = script
    trial = await trial_of(service.base_url)
    assert states(trial)["Answer"] is NOT_OK
    assert sentence in said(trial, "Answer")
    assert advice in found(trial, "Answer").advice
    assert states(trial)["Connection (TLS)"] is SKIPPED
    assert not trial.tried.is_good


@pytest.mark.parametrize(
    ("script", "key", "sentence"),
    [
        (error("no", 401), KEY, "did not accept the key"),
        (error("no", 403), KEY, "not allowed to use this model"),
        (Script(status=403, body=HTML), KEY, "not allowed to use this model"),
        (error("no", 401), "", "wants an API key, and none was given"),
    ],
)
async def test_a_refused_key(service, script, key, sentence):
    service.script = script
    trial = await trial_of(service.base_url, key=key)
    assert (states(trial)["API key"], states(trial)["Answer"]) == (NOT_OK, UNKNOWN)
    assert sentence in said(trial, "API key")
    assert found(trial, "API key").advice
    assert trial.abilities is None


async def test_a_key_that_only_the_list_refuses(service):
    service.listing = error("no", 401)
    trial = await trial_of(service.base_url)
    assert (states(trial)["List of models"], states(trial)["API key"]) == (UNKNOWN, OK)
    assert "API key" in found(trial, "List of models").advice
    assert trial.tried.is_good


@pytest.mark.parametrize(
    "script",
    [
        Script(status=500, body="oh"),
        Script(body="data: {}\n\ndata: [DONE]\n\n", content_type="text/event-stream"),
    ],
)
async def test_whether_a_key_is_good_may_not_show(service, script):
    service.script = script
    trial = await trial_of(service.base_url)
    assert (states(trial)["API key"], states(trial)["Answer"]) == (UNKNOWN, NOT_OK)
    assert trial.abilities is None


async def test_no_key_is_no_failure_where_none_is_wanted(service):
    trial = await trial_of(service.base_url, key="")
    assert said(trial, "API key") == "It answers without a key."
    assert "Authorization" not in service.requests[0].headers


async def test_too_many_requests_prove_nothing(service):
    service.script = error("slow down", 429)
    trial = await trial_of(service.base_url)
    assert states(trial)["Answer"] is UNKNOWN


async def test_a_refusal_of_a_model_that_is_not_listed_means_the_model(service):
    service.models = ["other"]
    service.script = error("no")
    trial = await trial_of(service.base_url)
    assert said(trial, "Answer") == NO_MODEL
    assert "fake-model is not among them" in said(trial, "List of models")
    service.models = ["fake-model"]
    assert "did not accept the request" in said(await trial_of(service.base_url), "Answer")


async def test_an_answer_without_a_word_is_one(service):
    service.tell(say=(), finish_reason="length")
    trial = await trial_of(service.base_url)
    assert states(trial)["Answer"] is OK
    assert "without a visible word" in said(trial, "Answer")
    assert trial.abilities.emits_reasoning is None
    assert states(trial)["Reasoning"] is UNKNOWN
    assert trial.tried.is_good


# The list


@pytest.mark.parametrize(
    ("listing", "state", "sentence"),
    [
        (Script(status=404, body=HTML), SKIPPED, "has no list of its models"),
        (error("no such path", 404), SKIPPED, "has no list of its models"),
        (Script(status=405, body=""), SKIPPED, "has no list of its models"),
        (Script(body=HTML), UNKNOWN, "something that is not an answer"),
        (Script(status=500, body="oh"), UNKNOWN, "failed"),
        (Script(silence=5, status=500), UNKNOWN, "in time"),
        (Script(body='{"data": ["' + "x" * 5_000_000), UNKNOWN, "more than an answer may have"),
    ],
)
async def test_a_list_is_not_needed(service, listing, state, sentence):
    service.listing = listing
    trial = await trial_of(service.base_url)
    assert states(trial)["List of models"] is state
    assert sentence in said(trial, "List of models")
    assert states(trial)["Answer"] is OK
    assert trial.tried.is_good


async def test_the_models_of_an_endpoint_are_fetched_for_the_form(service):
    service.models = ["b", "a", "b", "x" * 121, f"of-{KEY}"]
    listed = await endpoint_trial.listed(Candidate(service.base_url, KEY))
    assert (listed.names, listed.finding.state) == (("b", "a"), OK)
    assert service.requests == []


async def test_of_a_catalogue_only_so_many_models_are_taken(service):
    service.models = [f"m{number}" for number in range(3000)]
    listed = await endpoint_trial.listed(Candidate(service.base_url, KEY))
    assert len(listed.names) == endpoint_trial.MOST_NAMES
    assert listed.finding.saw == "m0, m1, m2, m3, m4, …"


async def test_that_there_is_no_list_is_no_failure(service):
    service.listing = Script(status=404, body="")
    listed = await endpoint_trial.listed(Candidate(service.base_url, KEY))
    assert (listed.names, listed.finding.title, listed.finding.state) == (
        (),
        "List of models",
        SKIPPED,
    )


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://nowhere.invalid/v1", "Name (DNS)"),
        ("http://127.0.0.1:1/v1", "Connection (TLS)"),
    ],
)
async def test_what_keeps_the_list_away_is_said(url, title):
    listed = await endpoint_trial.listed(Candidate(url, KEY))
    assert (listed.names, listed.finding.title, listed.finding.state) == ((), title, NOT_OK)


# What is learnt

NO_TOOLS = error("tools are not supported")
NO_IMAGES = error("unknown variant image_url", 422)


@pytest.mark.parametrize(
    ("scripts", "learnt"),
    [
        ([Script(), NO_TOOLS, Script()], {"accepts_tools": False}),
        ([Script(), error("none of them uses tools", 404), Script()], {"accepts_tools": False}),
        ([Script(), error("slow down", 429), Script()], {"accepts_tools": None}),
        ([Script(), Script(status=500, body="oh"), Script()], {"accepts_tools": None}),
        ([Script(), Script(silence=5), Script()], {"accepts_tools": None}),
        ([Script(), Script(), NO_IMAGES], {"accepts_images": False}),
        (
            [Script(), Script(), error("image input is not supported", 500)],
            {"accepts_images": False},
        ),
        ([Script(), Script(), refusal(413, "TOO_BIG")], {"accepts_images": None}),
        ([Script(usage="none")], {"reports_usage": False}),
        ([Script(usage="each")], {"reports_usage": True}),
        ([Script(usage="none", ending="reset", finish_reason=None)], {"reports_usage": None}),
        ([Script(think=("Hm",))], {"emits_reasoning": True}),
        ([Script(), Script(think=("Hm",))], {"emits_reasoning": True}),
        ([Script(say=(), finish_reason="length")] * 3, {"emits_reasoning": None}),
    ],
)
async def test_what_is_established_is_learnt_and_nothing_else(service, scripts, learnt):
    usual = dict.fromkeys(ABILITIES, True) | {"emits_reasoning": False}
    service.once(*scripts)
    trial = await trial_of(service.base_url)
    assert {name: getattr(trial.abilities, name) for name in ABILITIES} == usual | learnt
    titles = dict(zip(ABILITIES[1:], LEARNT, strict=True))
    shown = {True: OK, False: SKIPPED, None: UNKNOWN}
    assert all(states(trial)[titles[name]] is shown[value] for name, value in learnt.items())


async def test_a_refusal_is_shown_in_the_words_of_the_service(service):
    service.once(Script(), NO_TOOLS)
    trial = await trial_of(service.base_url)
    assert found(trial, "Tools").saw == "tools are not supported"
    assert trial.tried.is_good


async def test_of_a_model_that_does_not_stream_only_that_is_known(service):
    service.tell(body={"choices": [{"message": {"content": "hi"}}]})
    trial = await trial_of(service.base_url)
    assert [getattr(trial.abilities, name) for name in ABILITIES] == [False, *[None] * 4]
    assert len(service.requests) == 1


async def test_nothing_is_learnt_from_a_name(service):
    service.tell(status=500, body="oh")
    assert (await trial_of(service.base_url, "gpt-4o-vision-reasoner")).abilities is None


async def test_a_parameter_with_another_name_is_called_by_it(service):
    service.once(error("'max_tokens' is not supported. Use 'max_completion_tokens' instead."))
    trial = await trial_of(service.base_url)
    assert trial.tried.is_good
    first, *others = (seen.body for seen in service.requests)
    assert "max_tokens" in first
    assert all(body["max_completion_tokens"] == 16 for body in others)
    assert not any("max_tokens" in body for body in others)


async def test_a_service_that_refuses_to_be_asked_for_usage_is_of_no_use_here(service):
    service.once(error("Extra inputs are not permitted, field: 'stream_options'"))
    trial = await trial_of(service.base_url)
    assert states(trial)["Usage report"] is NOT_OK
    assert "stream_options" in found(trial, "Usage report").advice
    assert (states(trial)["Answer"], trial.tried.is_good) == (OK, False)
    assert trial.abilities.reports_usage is False
    assert not any("stream_options" in seen.body for seen in service.requests[1:])


async def test_five_calls_are_the_most(service):
    service.once(
        error("'max_tokens' is not supported"), error("unknown parameter: 'stream_options'")
    )
    assert (await trial_of(service.base_url)).abilities is not None
    assert len(service.requests) == 5
    service.script = error("'max_tokens', 'max_completion_tokens', 'stream_options': not known")
    await trial_of(service.base_url)
    assert len(service.requests) == 8


def test_the_picture_is_one():
    png = base64.b64decode(endpoint_questions.picture().removeprefix("data:image/png;base64,"))
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, rest = {}, png[8:]
    while rest:
        length = int.from_bytes(rest[:4])
        kind, data, checksum = rest[4:8], rest[8 : 8 + length], rest[8 + length : 12 + length]
        assert zlib.crc32(kind + data) == int.from_bytes(checksum)
        chunks[kind], rest = data, rest[12 + length :]
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks[b"IHDR"] == bytes([0, 0, 0, 64, 0, 0, 0, 64, 8, 2, 0, 0, 0])
    assert len(zlib.decompress(chunks[b"IDAT"])) == 64 * (1 + 64 * 3)


# Keys


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("kind", ["application/json", "text/html", "text/plain"])
async def test_a_key_that_the_service_repeats_is_in_nothing_that_is_told(service, status, kind):
    body = '{"error": {"message": "{authorization}", "code": "{authorization}"}}'
    if kind != "application/json":
        body = "<title>{authorization}</title>{authorization}"
    service.script = service.listing = Script(
        status=status, body=body, content_type=kind, headers={"X-Request-Id": KEY}
    )
    trial = await trial_of(service.base_url)
    listed = await endpoint_trial.listed(Candidate(service.base_url, KEY))
    told = f"{trial!r}{listed!r}{trials.shown([trial.tried])!r}"
    assert KEY not in told
    assert "Bearer 5f0e2b77" not in told


async def test_a_key_in_an_answer_is_not_told_either(service):
    service.models = [f"model-{KEY}", "fake-model"]
    service.tell(say=(KEY,), model=KEY, finish_reason=KEY)
    trial = await trial_of(service.base_url)
    assert trial.tried.is_good
    assert KEY not in f"{trial!r}{trial.abilities.__dict__!r}{Candidate('http://h', KEY)!r}"


# What is kept


def abilities(model: str, **members: object) -> ModelAbilities:
    members = {"tried_at": "2026-11-21T12:00:00Z", "streams": True} | members
    return ModelAbilities(base_url="https://llm.example/v1", model=model, **members)


@pytest.mark.django_db
def test_what_was_learnt_last_is_kept(django_assert_num_queries):
    with django_assert_num_queries(1):
        endpoint_trial.keep(abilities("m1", accepts_tools=True))
    with django_assert_num_queries(1):
        endpoint_trial.keep(abilities("m1", tried_at="2026-11-22T12:00:00Z"))
    row = ModelAbilities.objects.get()
    assert (row.streams, row.accepts_tools, row.tried_at.day) == (True, None, 22)


@pytest.mark.django_db
def test_what_is_known_of_many_models_takes_one_query(django_assert_num_queries):
    for number in range(50):
        endpoint_trial.keep(abilities(f"m{number}"))
    asked = [f"m{number}" for number in range(49)] + ["another"]
    with django_assert_num_queries(1):
        rows = endpoint_trial.known(" https://llm.example/v1/", asked)
    assert set(rows) == set(asked) - {"another"}
    assert endpoint_trial.known("https://other.example/v1", asked) == {}
