"""How the page looks and reads: dark and light, small and large, two languages, keys alone."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import ChatPage

WIDE = (
    "# A heading that goes on for a while\n\n"
    + "An unbreakable "
    + "w" * 300
    + " word and `"
    + "c" * 300
    + "`.\n\n"
    + "| "
    + " | ".join(f"column {number}" for number in range(12))
    + " |\n"
    + "|"
    + " --- |" * 12
    + "\n"
    + "| "
    + " | ".join(["value"] * 12)
    + " |\n\n"
    + "```python\n"
    + "x = "
    + " + ".join(["1"] * 200)
    + "\n```\n\n"
    + "$$"
    + " + ".join(f"x_{{{number}}}" for number in range(80))
    + "$$\n\n"
    + "> "
    + "长" * 300
    + "\n\n"
    + "https://example.org/"
    + "long/" * 80
    + "\n"
)

# The least contrast (WCAG) between visible text and what is behind it, and where it is.
LEAST_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = (top, bottom) =>
    top.slice(0, 3).map((part, i) => (part * top[3] + bottom[i] * (255 - top[3])) / 255);
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      layers.unshift(rgba(getComputedStyle(at).backgroundColor));
    }
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  let least = { contrast: 21, text: "" };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim();
    const element = texts.currentNode.parentElement;
    if (!text || element.closest(".visually-hidden, .skip, noscript, option, script")) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const background = behind(element);
    const colour = over(rgba(getComputedStyle(element).color), background);
    const [dark, light] = [luminance(colour), luminance(background)].sort((a, b) => a - b);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < least.contrast) {
      least = { contrast, text: `${element.className || element.tagName}: ${text.slice(0, 60)}` };
    }
  }
  return least;
}"""


PAPER = """() => {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return (red + green + blue) / 3;
}"""


def paper_lightness(page: Page) -> float:
    """How light the page itself is: 0 is black, 255 is white."""
    lightness: float = page.evaluate(PAPER)
    return lightness


def opened_menu(chat: ChatPage):
    chat.page.get_by_role("button", name="alice").click()
    return chat.page.locator("#account-menu")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in(new_context, session, service, scheme):
    chat = ChatPage(new_context(storage_state=session, color_scheme=scheme).new_page())
    service.say = [WIDE]
    chat.begin("Show everything")
    lightness = paper_lightness(chat.page)
    assert (lightness > 200) if scheme == "light" else (lightness < 60)
    least = chat.page.evaluate(LEAST_CONTRAST)
    assert least["contrast"] >= 4.5, least
    service.say = []
    chat.regenerate()
    chat.expect_status("failed")
    least = chat.page.evaluate(LEAST_CONTRAST)
    assert least["contrast"] >= 4.5, least


def test_an_appearance_that_was_chosen_is_kept(chat, service):
    chat.open()
    assert paper_lightness(chat.page) > 200
    opened_menu(chat).get_by_role("radio", name="Dark").check()
    assert paper_lightness(chat.page) < 60
    chat.page.reload()
    assert paper_lightness(chat.page) < 60


SIZES: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
    "zoomed to 200 %": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
    "tablet": {"viewport": {"width": 800, "height": 1100}},
    "large": {"viewport": {"width": 1900, "height": 1000}},
}


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_window(new_context, session, service, size):
    chat = ChatPage(new_context(storage_state=session, **SIZES[size]).new_page())
    chat.open()
    assert chat.overflow() <= 0
    service.tell(say=[WIDE], think=["w" * 500])
    chat.begin("w" * 400 + "长" * 400)
    assert chat.overflow() <= 0
    chat.answer.get_by_text("Reasoning", exact=True).click()
    service.once()
    assert chat.overflow() <= 0
    expect(chat.composer).to_be_in_viewport()
    expect(chat.send_button).to_be_in_viewport()
    service.script.status = 500
    service.script.body = {"error": {"message": "w" * 400}}
    chat.regenerate()
    chat.expect_status("failed")
    assert chat.overflow() <= 0


def test_a_phone_has_the_conversations_in_a_drawer(new_context, session, service):
    chat = ChatPage(new_context(storage_state=session, **SIZES["phone"]).new_page())
    chat.begin("From the phone")
    drawer = chat.page.get_by_role("navigation", name="Conversations")
    expect(drawer).to_be_hidden()
    chat.page.get_by_role("button", name="Conversations").tap()
    expect(drawer).to_be_visible()
    drawer.get_by_role("link", name="From the phone").first.tap()
    expect(chat.questions).to_have_text(["From the phone"])
    expect(drawer).to_be_hidden()


def test_a_phone_can_use_everything_with_a_thumb(new_context, session, service):
    chat = ChatPage(new_context(storage_state=session, **SIZES["phone"]).new_page())
    chat.begin("From the phone")
    small = chat.page.evaluate(
        """() => [...document.querySelectorAll("button, a, select, summary")]
          .filter((target) => target.checkVisibility() && !target.matches(".skip, .prose a"))
          .map((target) => [target.getBoundingClientRect(), target.outerHTML.slice(0, 120)])
          .filter(([box]) => box.width < 24 || box.height < 24)
          .map(([box, html]) => `${box.width} x ${box.height}: ${html}`)"""
    )
    assert small == []


def test_the_language_can_be_changed_and_changed_back(chat, service):
    chat.begin("Hi")
    html = chat.page.locator("html")
    expect(html).to_have_attribute("lang", "en")
    opened_menu(chat).get_by_role("button", name="简体中文").click()
    expect(html).to_have_attribute("lang", "zh-hans")
    expect(chat.questions).to_have_text(["Hi"])
    expect(chat.send_button).to_have_count(0)
    ours = chat.page.locator("#conversation").evaluate(
        "(page) => [...page.querySelectorAll('button:not(select *)')].map((b) => b.innerText)"
    )
    assert not re.search("[A-Za-z]{4}", " ".join(ours))
    chat.page.locator("#composer-text").fill("再来")
    chat.page.locator("#composer-text").press("Enter")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("done")
    pushed = chat.turns()
    chat.page.reload()
    assert chat.turns() == pushed
    opened_menu(chat).get_by_role("button", name="English").click()
    expect(html).to_have_attribute("lang", "en")


def test_a_browser_that_prefers_chinese_gets_chinese(new_context, service):
    page = new_context(locale="zh-CN").new_page()
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.get_by_role("heading")).to_have_text(re.compile("[\u4e00-\u9fff]"))


def start_from_the_top(page: Page) -> None:
    """The next Tab goes to the first thing on the page."""
    page.evaluate(
        "() => { document.body.tabIndex = -1; document.body.focus();"
        " document.body.removeAttribute('tabindex'); }"
    )


def test_keys_alone_are_enough_and_the_focus_is_always_seen(chat, service):
    chat.begin("Hi")
    chat.page.reload()
    start_from_the_top(chat.page)
    keyboard = chat.page.keyboard
    keyboard.press("Tab")
    expect(chat.page.get_by_role("link", name="Skip to the message")).to_be_focused()
    expect(chat.page.get_by_role("link", name="Skip to the message")).to_be_in_viewport()
    keyboard.press("Enter")
    expect(chat.composer).to_be_focused()
    keyboard.type("Typed")
    keyboard.press("Enter")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("done")

    start_from_the_top(chat.page)
    reached: dict[str, bool] = {}
    for _ in range(200):
        keyboard.press("Tab")
        if chat.page.evaluate("document.activeElement === document.body"):
            break
        name, is_seen = chat.page.evaluate(
            """() => {
              const at = document.activeElement;
              const around = at.closest("label, form.composer") ?? at;
              const isSeen = [at, around].map((element) => getComputedStyle(element)).some(
                ({ outlineStyle, outlineWidth, boxShadow }) =>
                  (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none"
              );
              const isField = at.matches("select, textarea");
              return [isField ? at.name : at.getAttribute("aria-label") || at.innerText, isSeen];
            }"""
        )
        reached[str(name).strip()] = is_seen
    for name in ("New conversation", "alice", "Copy", "Regenerate", "text", "model"):
        assert name in reached, list(reached)
    assert [name for name, is_seen in reached.items() if not is_seen] == []


def test_whoever_listens_is_told_what_the_model_does(chat, service):
    service.tell(say=["one ", "two"], pause_after=1)
    chat.begin("Hi", status="streaming")
    announcer = chat.page.locator("#announcer")
    expect(chat.answer).to_have_attribute("aria-busy", "true")
    service.resume()
    expect(announcer).to_have_text("The answer is complete.")
    expect(chat.answer).to_have_attribute("aria-busy", "false")
    expect(chat.page.get_by_role("main")).to_have_count(1)
    expect(chat.page.get_by_role("heading", level=1)).to_have_count(1)
    expect(chat.page.get_by_role("article", name="Answer")).to_have_count(1)
    expect(chat.page.get_by_role("article", name="You")).to_have_count(1)


def test_the_page_is_light(chat, context, service):
    chat.begin("Hi")
    weight = {"js": 0, "css": 0}
    for url in context.watch.loaded:
        kind = urlsplit(url).path.rpartition(".")[2]
        if kind in weight:
            weight[kind] += len(context.request.get(url).body())
    assert 0 < weight["js"] <= 60_000
    assert 0 < weight["css"] <= 40_000


def test_the_reader_stays_at_the_end_unless_they_scroll_up(chat, service):
    chat.begin("Hi")
    service.tell(say=[f"line {number}\n\n" for number in range(120)], delay=0.02)
    chat.ask("Much")
    expect(chat.answers).to_have_count(2)
    chat.expect_text("line 60")
    bottom = "() => document.scrollingElement.scrollHeight - innerHeight - scrollY"
    assert chat.page.evaluate(bottom) < 100
    chat.page.mouse.move(600, 300)
    chat.page.mouse.wheel(0, -600)
    expect(chat.page.get_by_role("button", name="Jump to the latest")).to_be_visible()
    place = chat.page.evaluate("scrollY")
    chat.expect_status("done")
    assert abs(chat.page.evaluate("scrollY") - place) < 5
    chat.page.get_by_role("button", name="Jump to the latest").click()
    expect(chat.page.get_by_role("button", name="Jump to the latest")).to_be_hidden()


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/", "/nowhere/"])
def test_pages_around_the_chat_fit_a_phone(new_context, path):
    context = new_context(**SIZES["phone"])
    context.watch.allow("404")
    page = context.new_page()
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert ChatPage(page).overflow() <= 0
    least = page.evaluate(LEAST_CONTRAST)
    assert least["contrast"] >= 4.5, least


def test_the_pages_of_an_account_work(new_context, session):
    page = new_context(storage_state=session).new_page()
    for path in ("/accounts/email/", "/accounts/password/change/"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("button").first).to_be_visible()
