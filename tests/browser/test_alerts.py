"""An administrator sets up alerts, and a real process tells a real receiver."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import pytest
from playwright.sync_api import expect

LOOKED_AT = 60_000
"""Milliseconds; rules are looked at every 30 seconds."""


@pytest.fixture(scope="module")
def hook() -> Iterator[tuple[str, Queue[dict[str, Any]]]]:
    """The receiver of a webhook, and what it was told."""
    told: Queue[dict[str, Any]] = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.put(json.loads(body) | {"signature": self.headers["x-chatsite-signature"]})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", told
    server.shutdown()
    server.server_close()


def test_a_disk_that_is_fuller_than_the_threshold_is_told_to_a_webhook_that_was_tried(admin, hook):
    address, told = hook
    admin.goto("/alerts/")
    admin.get_by_role("link", name="Add a recipient").click()
    admin.get_by_label("Name").fill("On call")
    admin.get_by_label("Webhook address").fill(address)
    admin.get_by_label("Secret of the webhook").fill("only we two know this")
    admin.get_by_role("button", name="Save").click()
    admin.get_by_role("button", name="Send a test").click()
    expect(admin.locator("#test .aside")).to_contain_text("sent 204")
    assert told.get(timeout=5)["event"] == "test"

    admin.goto("/alerts/")
    admin.get_by_role("button", name="Make these rules").click()
    expect(admin.locator("#rules tbody tr")).to_have_count(7)
    admin.get_by_role("link", name="Disk space").click()
    admin.get_by_label("Threshold (percent)").fill("0.01")
    admin.get_by_label("So often in a row").fill("1")
    expect(admin.get_by_label("On call")).to_be_checked()
    admin.get_by_role("button", name="Save").click()

    notice = told.get(timeout=LOOKED_AT / 1000)
    assert (notice["event"], notice["measure"]) == ("began", "disk")
    assert notice["signature"].startswith("t=")
    admin.reload()
    expect(admin.locator(".checklist .check")).to_contain_text("of the disk are used")
    expect(admin.locator(".checklist .check")).to_contain_text("sent 204")
    admin.get_by_role("link", name="History").click()
    expect(admin.locator(".check h2")).to_contain_text("goes on")


@pytest.mark.parametrize(
    "path", ["", "history/", "rules/new/", "rules/new/errors/", "recipients/new/", "recipients/1/"]
)
def test_the_pages_fit_a_small_screen(new_admin, path):
    page = new_admin(viewport={"width": 360, "height": 740})
    page.goto(f"/alerts/{path}")
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
