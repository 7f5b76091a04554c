"""The real browser, a real server process behind it, and a model service that says what it is told.

All of it is started once for this folder, and ends with it: Playwright keeps an event loop running
as long as it lives, beside which no asynchronous test can run.
"""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.cable import plugged_into
from tests.browser.pages import LOST_CONNECTION, ChatPage, Watch, sign_in
from tests.fakes.model_server import Script, running_in_thread
from tests.installations import Installation

ARGUMENTS = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
REFUSED = r"status of (409|422)"
"""What the console says of a form that was refused."""
PATIENCE = 10_000
"""Milliseconds to wait for what is bound to come; a busy machine is slow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives the browser."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker("browser")


@pytest.fixture(scope="package")
def chromium():
    program = shutil.which("chromium")
    if program is None:
        missing = "there is no browser: sudo apt-get install chromium"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(missing)
        pytest.skip(missing)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def model_server():
    with running_in_thread() as server:
        yield server


@pytest.fixture(scope="package")
def installation(tmp_path_factory):
    return Installation(tmp_path_factory.mktemp("browser") / "data")


@pytest.fixture(scope="package")
def server(installation, model_server):
    """A server process that alice and mallory can sign in to; its models are the service's."""
    with installation.served() as site:
        installation.add_people()
        installation.add_admin()
        installation.connect(model_server.base_url, "fake-model", "other-model")
        yield site


@pytest.fixture
def service(model_server):
    """The model service, fresh for this test."""
    model_server.script = Script()
    model_server.requests.clear()
    model_server.resume()
    yield model_server
    model_server.resume()


@pytest.fixture(scope="package")
def session(chromium, server):
    """The cookies of alice, who is signed in."""
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/")
    sign_in(page, "alice")
    page.wait_for_url(server.url)
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def new_context(chromium, server):
    """Make browser contexts; each is watched: no request elsewhere, no error on the console."""
    made = []

    def make(**options):
        context = chromium.new_context(**{"base_url": server.url, "locale": "en-GB"} | options)
        context.set_default_timeout(PATIENCE)
        context.watch = Watch(context)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()
    for context in made:
        assert context.watch.foreign_requests == []
        assert context.watch.complaints == []


@pytest.fixture(scope="package")
def admin_session(chromium, server):
    """The cookies of root."""
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/")
    sign_in(page, "root")
    page.wait_for_url(server.url)
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def new_admin(new_context, admin_session):
    """Make pages of root's, each in a browser of its own."""

    def make(**options):
        context = new_context(storage_state=admin_session, **options)
        context.watch.allow(REFUSED)
        return context.new_page()

    return make


@pytest.fixture
def admin(new_admin):
    return new_admin()


@pytest.fixture
def context(new_context, session):
    """A browser in which alice is signed in."""
    return new_context(storage_state=session)


@pytest.fixture
def chat(context, service):
    """A page of alice's, not opened yet."""
    return ChatPage(context.new_page())


@pytest.fixture
def stranger(new_context):
    """A page of a browser in which nobody is signed in."""
    return new_context().new_page()


@pytest.fixture
def cable(server):
    """A cable to the server that can be pulled."""
    with plugged_into(server.url) as cable:
        yield cable


@pytest.fixture
def cabled_chat(new_context, session, cable, service):
    """A page of alice's whose connection runs over the cable."""
    context = new_context(storage_state=session, base_url=cable.url)
    context.watch.allow(LOST_CONNECTION)
    return ChatPage(context.new_page())
