"""A person chats in the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages import sign_in
from tests.fakes.model_server import Script, refusal
from tests.processes import wait_until

MARKDOWN = """# A heading

Some *emphasis* and `code`.

- [x] done
- [ ] open

| name | size |
| --- | --- |
| one | 1 |

$$x^2 + y^2$$

```python
def area(radius):
    return 3 * radius ** 2
```

The end.
"""


def in_pieces(text: str, size: int = 7) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def test_the_first_chat_begins_on_the_home_page(chat, service):
    service.say = ["Hello", " Alice"]
    chat.open()
    chat.ask("Hi there")
    chat.page.wait_for_url("**/c/*/")
    chat.expect_status("done")
    expect(chat.questions).to_have_text(["Hi there"])
    chat.expect_text("Hello Alice")
    expect(chat.page).to_have_title("Hi there")
    listed = chat.page.get_by_role("navigation", name="Conversations").get_by_role("link")
    expect(listed.first).to_have_text("Hi there")
    expect(listed.first).to_have_attribute("aria-current", "page")


def test_an_old_conversation_can_be_opened_and_gone_on_with(chat, service):
    chat.begin("The first one")
    chat.begin("The second one")
    chat.page.get_by_role("link", name="The first one").first.click()
    expect(chat.questions).to_have_text(["The first one"])
    chat.ask("And more")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("done")


def test_an_answer_is_seen_to_grow(chat, service):
    chat.begin("First")
    service.tell(say=[f"word{number} " for number in range(40)], delay=0.03)
    chat.watch_growth()
    chat.ask("Second")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("streaming")
    chat.expect_status("done")
    growth = chat.growth()
    assert growth == sorted(growth)
    assert len(growth) > 10


def test_what_was_pushed_is_what_a_reload_shows(chat, service):
    chat.begin("First")
    service.tell(say=in_pieces(MARKDOWN), delay=0.01, think=["Let me ", "see."])
    chat.ask("Second\n  with <b>markup</b> & two lines")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("done")
    pushed = chat.turns()
    chat.page.reload()
    assert chat.turns() == pushed


def test_markdown_is_shown_as_what_it_means(chat, service):
    service.say = in_pieces(MARKDOWN)
    chat.begin("Show everything")
    answer = chat.answer
    expect(answer.get_by_role("heading", name="A heading")).to_be_visible()
    expect(answer.locator("em")).to_have_text("emphasis")
    expect(answer.get_by_role("listitem")).to_have_text(["☑ done", "☐ open"])
    expect(answer.get_by_role("cell", name="one")).to_be_visible()
    expect(answer.locator("math")).to_be_visible()
    expect(answer.locator("pre span").first).to_have_text("def")
    colours = answer.locator("pre span").evaluate_all(
        "(spans) => new Set(spans.map((span) => getComputedStyle(span).color)).size"
    )
    assert colours > 1


def test_code_and_answers_can_be_copied(chat, service):
    service.say = in_pieces(MARKDOWN)
    chat.begin("Show everything")
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.answer.locator("figure").get_by_role("button", name="Copy").click()
    expect(chat.answer.locator("figure").get_by_role("button", name="Copied")).to_be_visible()
    clipboard = "navigator.clipboard.readText()"
    assert chat.page.evaluate(clipboard) == ("def area(radius):\n    return 3 * radius ** 2\n")
    chat.answer.locator("footer").get_by_role("button", name="Copy").click()
    expect(chat.answer.locator("footer").get_by_role("button", name="Copied")).to_be_visible()
    copied = chat.page.evaluate(clipboard)
    assert copied.startswith("A heading")
    assert copied.endswith("The end.")
    assert "Copy" not in copied


def test_stop_keeps_what_was_written(chat, service):
    service.tell(say=["partial ", "never"], pause_after=1)
    chat.begin("Hi", status="streaming")
    expect(chat.send_button).to_be_hidden()
    chat.stop_button.click()
    chat.expect_status("stopped")
    chat.expect_text("partial")
    expect(chat.answer).to_contain_text("Stopped.")
    expect(chat.stop_button).to_be_hidden()
    expect(chat.send_button).to_be_visible()
    wait_until(service.requests[0].disconnected.is_set, within=1)
    chat.page.reload()
    chat.expect_status("stopped")


def test_regenerating_folds_the_old_answer_away(chat, service):
    service.once(Script(say=["first answer"]), Script(say=["second answer"]))
    chat.begin("Hi")
    chat.regenerate()
    chat.expect_text("second answer")
    chat.expect_status("done")
    expect(chat.answers).to_have_count(1)
    old = chat.page.get_by_text("first answer")
    expect(old).to_be_hidden()
    chat.page.get_by_text("1 earlier answer").click()
    expect(old).to_be_visible()


TROUBLE = {
    "call": Script(status=401, body={"error": {"message": "bad key"}}),
    "quota": refusal(429, "EXCEED_TOKEN_QUOTA_LIMIT"),
    "transport": Script(say=["half "], ending="reset", finish_reason=None),
}


@pytest.mark.parametrize("stage", TROUBLE)
def test_trouble_is_told_in_the_bubble_and_can_be_tried_again(chat, service, stage):
    service.once(TROUBLE[stage])
    service.say = ["better"]
    chat.begin("Hi", status="failed")
    expect(chat.problem).to_have_attribute("data-stage", stage)
    told = chat.problem.inner_text()
    chat.page.reload()
    assert chat.problem.inner_text() == told
    chat.problem.get_by_role("button", name="Try again").click()
    chat.expect_status("done")
    chat.expect_text("better")
    expect(chat.problem).to_have_count(0)


def test_a_model_that_was_switched_off_is_not_called(chat, service, installation):
    chat.begin("Hi")
    switch = "from admin_models.models import AIModel; AIModel.objects.update(is_enabled={})"
    installation.python(switch.format(False))
    try:
        chat.regenerate()
        chat.expect_status("failed")
        expect(chat.problem).to_have_attribute("data-stage", "preflight")
    finally:
        installation.python(switch.format(True))
    chat.problem.get_by_role("button", name="Try again").click()
    chat.expect_status("done")
    assert len(service.requests) == 2


def test_an_answer_by_another_model_is_told(chat, service):
    service.tell(model="some-other-model")
    chat.begin("Hi")
    expect(chat.answer).to_contain_text("some-other-model answered")


def test_reasoning_can_be_unfolded(chat, service):
    service.tell(think=["First I ", "think."], say=["Then I speak."])
    chat.begin("Hi")
    reasoning = chat.answer.get_by_text("First I think.")
    expect(reasoning).to_be_hidden()
    chat.answer.get_by_text("Reasoning", exact=True).click()
    expect(reasoning).to_be_visible()


def test_another_persons_conversation_is_not_there(chat, service, new_context):
    chat.begin("A secret")
    context = new_context()
    context.watch.allow("404")
    page = context.new_page()
    page.goto("/")
    sign_in(page, "mallory")
    expect(page.get_by_role("heading", name="mallory")).to_be_visible()
    response = page.goto(chat.page.url)
    assert response.status == 404
    expect(page.get_by_text("A secret")).to_have_count(0)
