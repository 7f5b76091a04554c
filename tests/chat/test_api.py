"""The ledger for programs: pages, files and refusals, and the examples of the manual."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import time

import pytest
from arro3.io import read_parquet
from asgiref.sync import sync_to_async
from django.conf import settings as site
from django.core.cache import cache
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.views.decorators.http import require_POST, require_safe

from chat import request_ids
from chat.ledger import entries
from chat.operations import rates, tokens
from chat.operations.api import WRONG_TOKENS, ApiError, with_token
from chat.operations.exports import Format
from chat.operations.tokens import Scope
from tests import processes
from tests.admin_models.browsers import Browser
from tests.chat.ledger.rows import ago, row
from tests.installations import Installation

ROWS, SUMS = "/api/v1/usage/rows", "/api/v1/usage/sums"


@pytest.fixture(autouse=True)
def nobody_asked_before():
    cache.clear()


@pytest.fixture
def token(root) -> str:
    return tokens.make(root, "Monthly report", [Scope.USAGE_READ], None)[1]


@pytest.fixture
def ask(token):
    """Ask as a program does, with the token."""

    async def asked(path: str, method: str = "get", **options):
        headers = {"authorization": f"Bearer {token}"} | options.pop("headers", {})
        browser = Browser(raise_request_exception=False, enforce_csrf_checks=True)
        return await getattr(browser, method)(path, options.pop("query", None), headers=headers)

    return asked


@pytest.fixture
def entered(transactional_db):
    """Put rows into the ledger."""
    return sync_to_async(lambda *rows: entries.write(rows))


async def body(response) -> bytes:
    return b"".join([piece async for piece in response.streaming_content])


# What is answered


async def test_rows_come_page_by_page(ask, entered):
    await entered(*(row(agent=str(n), created_at=ago(hours=10 - n)) for n in range(7)))
    found, cursor = [], ""
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = (await ask(ROWS, query=query)).json()
        assert len(answer["data"]) <= 3
        found += [each["agent"] for each in answer["data"]]
        if (cursor := answer["next_cursor"]) is None:
            break
    assert found == [str(n) for n in range(7)]


async def test_sums_come_page_by_page(ask, entered):
    await entered(*(row(requested_model=name) for name in "abc"))
    first = (await ask(SUMS, query={"by": "model", "limit": 2})).json()
    rest = (await ask(SUMS, query={"by": "model", "cursor": first["next_cursor"]})).json()
    assert [each["key"] for each in first["data"] + rest["data"]] == ["a", "b", "c"]
    assert rest["next_cursor"] is None


async def test_what_is_asked_for_is_narrowed(ask, entered):
    await entered(row(agent="a"), row(agent="b"), row(agent="b", final_status="failed"))
    rows = (await ask(ROWS, query={"agent": "b", "status": "failed"})).json()["data"]
    assert [(each["agent"], each["final_status"]) for each in rows] == [("b", "failed")]
    (sums,) = (await ask(SUMS, query={"agent": "b"})).json()["data"]
    assert sums["requests"] == 2


@pytest.mark.parametrize("path", [ROWS, SUMS])
@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("said", ["query", "header"])
async def test_a_file_comes_in_the_format_that_was_asked_for(ask, entered, path, form, said):
    await entered(row(), row(requested_model="n"))
    asked_for = {
        "query": {"query": {"format": form.value, "by": "model"}},
        "header": {"headers": {"accept": f"{form.content_type.partition(';')[0]}, */*;q=0.1"}},
    }
    if path == ROWS:
        asked_for["query"]["query"].pop("by")
    response = await ask(path, **asked_for[said])
    assert response.status_code == 200
    assert response["Content-Type"] == form.content_type
    assert "Accept" in response["Vary"]
    assert number_of_rows(form, await body(response)) >= 1


def number_of_rows(form: Format, content: bytes) -> int:
    if form is Format.PARQUET:
        return read_parquet(io.BytesIO(content)).read_all().num_rows
    if form is Format.CSV:
        assert content.startswith(b'"')  # no byte order mark
        return len(list(csv.DictReader(io.StringIO(content.decode()))))
    return len([json.loads(line) for line in content.splitlines()])


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json"])
async def test_whoever_names_no_format_gets_a_page(ask, accept):
    response = await ask(ROWS, headers={"accept": accept})
    assert response["Content-Type"] == "application/json"
    assert response.json() == {"data": [], "next_cursor": None}
    assert "no-store" in response["Cache-Control"]


async def test_asking_takes_few_queries(ask, entered, token, django_assert_max_num_queries):
    await entered(row())
    await ask(ROWS)
    request = RequestFactory().get(ROWS, headers={"authorization": f"Bearer {token}"})

    @with_token(Scope.USAGE_READ)
    def view(request):
        return HttpResponse("in")

    def looked_up() -> None:
        with django_assert_max_num_queries(1):
            assert view(request).content == b"in"

    await sync_to_async(looked_up)()


# What is refused


def error_of(response) -> tuple[int, str]:
    error = response.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["message"]
    return response.status_code, error["code"]


@pytest.mark.parametrize(
    ("path", "query", "says"),
    [
        (ROWS, {"since": "soon"}, "since: Write a day"),
        (ROWS, {"enviroment": "x"}, "There is no parameter enviroment."),
        (ROWS, {"of": "sums"}, "There is no parameter of."),
        (ROWS, {"limit": "0"}, "limit: "),
        (ROWS, {"limit": "5000"}, "limit: "),
        (ROWS, {"cursor": "nonsense"}, "cursor: "),
        (ROWS, {"format": "xls"}, "format: "),
        (ROWS, {"person": "nobody"}, "person: Nobody"),
        (SUMS, {"by": "weather"}, "by: "),
        (SUMS, {"status": "failed"}, "status: Only rows"),
        (SUMS, {"step": "week"}, "step: "),
        (SUMS, {"since": "2026-02-02", "until": "2026-01-01"}, "until: That is before"),
    ],
)
async def test_what_cannot_be_understood_is_told(ask, path, query, says):
    response = await ask(path, query=query)
    assert error_of(response) == (400, "bad_request")
    assert response.json()["error"]["message"].startswith(says)


async def test_the_cursor_of_one_table_is_none_of_the_other(ask, entered):
    await entered(row(), row())
    cursor = (await ask(ROWS, query={"limit": 1})).json()["next_cursor"]
    assert error_of(await ask(SUMS, query={"cursor": cursor})) == (400, "bad_request")


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
async def test_nothing_can_be_changed(ask, method):
    response = await ask(ROWS, method)
    assert error_of(response) == (405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/api/v1/usage/nothing", "/api/v2/usage/rows", "/api/x/"])
async def test_an_address_that_is_none_says_so_in_json(ask, path):
    assert error_of(await ask(path)) == (404, "not_found")
    assert error_of(await Browser().get(path)) == (404, "not_found")


async def test_refusals_are_told_in_the_language_that_is_asked_for(ask):
    response = await ask(ROWS, query={"limit": "0"}, headers={"accept-language": "zh-hans"})
    assert response["Content-Language"] == "zh-hans"


async def test_a_refusal_names_the_request(ask):
    response = await ask("/api/nothing")
    assert len(response.json()["error"]["request_id"]) == len(request_ids.new())


async def test_a_token_may_ask_so_often(ask, settings):
    settings.API_RATE = "3/h"
    for _ in range(3):
        assert (await ask(ROWS)).status_code == 200
    response = await ask(ROWS)
    assert error_of(response) == (429, "too_many_requests")
    assert 0 < int(response["Retry-After"]) <= 3600


async def test_an_address_that_shows_wrong_tokens_is_told_to_wait_and_right_ones_are_heard(ask):
    browser, wrong = Browser(), {"authorization": "Bearer cst_00000000_" + "x" * 43}
    refusals = 0
    while error_of(response := await browser.get(ROWS, headers=wrong)) == (401, "token_unknown"):
        refusals += 1
    assert WRONG_TOKENS.times <= refusals <= 2 * WRONG_TOKENS.times
    assert error_of(response) == (429, "too_many_requests")
    assert 0 < int(response["Retry-After"]) <= WRONG_TOKENS.seconds
    assert (await ask(ROWS)).status_code == 200


# The decorator, for whatever else programs may ask


def asked(view, token: str = "", method: str = "get"):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return view(getattr(RequestFactory(), method)("/", headers=headers))


def test_a_view_gets_the_token_and_its_owner(token, root):
    @with_token(Scope.USAGE_READ)
    def view(request):
        return HttpResponse(f"{request.user} {request.token.name}")

    assert asked(view, token).content == b"root Monthly report"
    assert asked(view).status_code == 401


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (Http404(), (404, "not_found")),
        (ApiError("No."), (400, "bad_request")),
        (RuntimeError("cst_secret"), (500, "internal_error")),
    ],
)
async def test_what_a_view_raises_is_told_in_json(token, caplog, raised, expected):
    @with_token(Scope.USAGE_READ)
    def view(request):
        raise raised

    @with_token(Scope.USAGE_READ)
    async def awaited(request):
        raise raised

    for response in (await sync_to_async(asked)(view, token), await asked(awaited, token)):
        error = json.loads(response.content)["error"]
        assert (response.status_code, error["code"]) == expected
        assert "secret" not in error["message"]
    assert bool(caplog.records) == (expected[0] == 500)


def test_methods_are_refused_in_json_before_the_view(token):
    @with_token(Scope.USAGE_READ)
    @require_POST
    def view(request):
        raise AssertionError

    response = asked(view, token)
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert json.loads(response.content)["error"]["code"] == "method_not_allowed"


async def test_a_stream_begins_only_for_whoever_may(token):
    @with_token(Scope.USAGE_READ)
    @require_safe
    async def view(request):
        raise AssertionError

    response = await asked(view, token + "x")
    assert response.status_code == 401


# Rates


@pytest.mark.parametrize("text", ["", "120", "0/m", "1/y", "-1/s", "1/m/ip", "x/m"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match="is no rate"):
        rates.Rate.parse(text)


def test_a_setting_that_is_no_rate_is_told_at_the_start(tmp_path):
    command = processes.manage("check")
    wrong: processes.Variables = {"CHATSITE_API_RATE": "often", "CHATSITE_DATA_DIR": str(tmp_path)}
    with processes.running(command, tmp_path / "check.log", wrong) as process:
        process.expect("CHATSITE_API_RATE is a number, a slash, and s, m, h or d")


def test_a_rate_starts_anew_after_its_time():
    rate = rates.Rate(2, 1)
    time.sleep(1 - time.time() % 1)
    waits = [rates.spend("test", rate) for _ in range(4)]
    assert waits == [0, 0, 1, 1]
    time.sleep(1)
    assert rates.spend("test", rate) == 0
    assert rates.spend("other", rate) == 0


# The manual


@pytest.mark.server
def test_the_examples_of_the_manual_work(tmp_path):
    manual = (site.BASE_DIR / "docs" / "usage-export.md").read_text()
    examples = re.findall(r"^    (curl (?:.*\\\n)*.+)$", manual, re.MULTILINE)
    assert len(examples) >= 4
    installation = Installation(tmp_path / "data")
    with installation.served() as server:
        installation.add_admin()
        shown = installation.python(_MAKE_A_TOKEN).strip()
        for example in examples:
            outcome = subprocess.run(
                ["bash", "-euc", example],
                cwd=tmp_path,
                env={"PATH": "/usr/bin:/bin", "SITE": server.url.rstrip("/"), "TOKEN": shown},
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert outcome.returncode == 0, f"{example}\n{outcome.stderr}"
            assert '"error"' not in outcome.stdout
    saved = {path.suffix: path.read_bytes() for path in tmp_path.glob("usage.*")}
    assert number_of_rows(Format.PARQUET, saved[".parquet"]) == 2
    assert number_of_rows(Format.CSV, saved[".csv"]) == 1


_MAKE_A_TOKEN = """
from django.contrib.auth.models import User
from chat.ledger import entries
from chat.models import Usage
from chat.operations import tokens
entries.write([
    Usage(requested_model=name, confidence="reported", final_status="done", total_tokens=3)
    for name in ("hunyuan-2.0", "hunyuan-2.0")
])
print(tokens.make(User.objects.get(username="root"), "manual", ["usage:read"], None)[1])
"""
