"""What a person sees and does on a page, and a watch over what the page does by itself."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from tests.installations import PASSWORD

_SETTLED_TURNS = """() => {
  const turns = document.querySelector("#turns").cloneNode(true);
  turns.normalize();
  const texts = document.createTreeWalker(turns, NodeFilter.SHOW_TEXT);
  const blanks = [];
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (!text.data.trim() && !text.parentElement.closest("pre")) blanks.push(text);
  }
  blanks.forEach((blank) => blank.remove());
  return turns.innerHTML;
}"""

_WATCH_GROWTH = """() => {
  const turns = document.querySelector("#turns");
  window.lengths = [];
  new MutationObserver(() => {
    const prose = [...turns.querySelectorAll('[data-role="assistant"] .prose')];
    const length = prose.map((piece) => piece.textContent).join("").length;
    if (length !== window.lengths.at(-1)) window.lengths.push(length);
  }).observe(turns, { subtree: true, childList: true, characterData: true });
}"""


# Whoever leaves a page while its socket opens hears this from the browser.
_LEFT_EARLY = "WebSocket is closed before the connection is established"

# What the browser and htmx write to the console when a server is not there.
LOST_CONNECTION = r"WebSocket connection to .* failed|net::ERR_CONNECTION|htmx:ws:error"


class Watch:
    """Everything that the pages of a browser context asked of others, and complained about."""

    def __init__(self, context: BrowserContext) -> None:
        self.foreign_requests: list[str] = []
        self.loaded: set[str] = set()
        self._complaints: list[str] = []
        self._allowed = [_LEFT_EARLY]
        context.on("request", self._see_request)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._complaints.append(str(error.error)))

    def allow(self, pattern: str) -> None:
        """Complaints that match are what this test is about."""
        self._allowed.append(pattern)

    @property
    def complaints(self) -> list[str]:
        """Errors on the console and of scripts, violations of the content policy among them."""
        return [
            complaint
            for complaint in self._complaints
            if not any(re.search(pattern, complaint) for pattern in self._allowed)
        ]

    def _see_request(self, request: Request) -> None:
        self.loaded.add(request.url)
        address = urlsplit(request.url)
        if address.hostname != "127.0.0.1" and address.scheme != "data":
            self.foreign_requests.append(request.url)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._complaints.append(f"{message.text} ({message.location.get('url')})")


class ChatPage:
    """The page of the chat, as a person uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.composer = page.get_by_role("textbox", name="Message")
        self.send_button = page.get_by_role("button", name="Send", exact=True)
        self.stop_button = page.get_by_role("button", name="Stop", exact=True)
        self.answers = page.locator('#turns > .turn > [data-role="assistant"]')
        self.questions = page.locator('#turns > .turn > [data-role="user"]')
        self.composer_error = page.locator("#composer-error")
        self.connection_banner = page.locator("#connection")
        self.problem = self.answers.last.locator(".problem")

    @property
    def answer(self) -> Locator:
        """The newest answer."""
        return self.answers.last

    def open(self, path: str = "/") -> None:
        self.page.goto(path)

    def ask(self, text: str) -> None:
        """Type a message and press Enter."""
        self.composer.fill(text)
        self.composer.press("Enter")

    def begin(self, text: str, status: str = "done") -> None:
        """Ask the first question of a new conversation; wait until its answer has `status`."""
        self.open()
        self.ask(text)
        self.page.wait_for_url("**/c/*/")
        self.expect_status(status)

    def regenerate(self) -> None:
        self.answer.get_by_role("button", name="Regenerate").click()

    def expect_status(self, status: str, within: float = 10) -> None:
        expect(self.answer).to_have_attribute("data-status", status, timeout=within * 1000)

    def expect_text(self, text: str, within: float = 10) -> None:
        """Wait until the newest answer shows `text`."""
        expect(self.answer.locator(".prose").first.locator("..")).to_contain_text(
            text, timeout=within * 1000
        )

    def turns(self) -> str:
        """The HTML of all turns, without differences of white space between elements."""
        html: str = self.page.evaluate(_SETTLED_TURNS)
        return html

    def watch_growth(self) -> None:
        """From now on remember each length that the text of the answers has."""
        self.page.evaluate(_WATCH_GROWTH)

    def growth(self) -> list[int]:
        """The lengths since `watch_growth`."""
        lengths: list[int] = self.page.evaluate("window.lengths")
        return lengths

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        pixels: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return pixels


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the form that the page shows, and send it."""
    page.locator("input[name=login]").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
