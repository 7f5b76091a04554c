"""Writing a message: keys, drafts, and whatever a person may paste."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages import ChatPage, sign_in
from tests.processes import wait_until

LIMIT = 32_000


@pytest.fixture
def talk(chat):
    """A conversation with one answer."""
    chat.begin("First")
    return chat


def questions(chat: ChatPage) -> list[str]:
    # While its style sheet is on the way, a text comes with the white space of its source.
    return [text.strip() for text in chat.questions.all_inner_texts()]


def test_enter_sends_and_shift_enter_breaks_the_line(talk):
    talk.composer.press_sequentially("one")
    talk.composer.press("Shift+Enter")
    talk.composer.press_sequentially("two")
    expect(talk.composer).to_have_value("one\ntwo")
    talk.composer.press("Enter")
    expect(talk.answers).to_have_count(2)
    assert questions(talk)[-1] == "one\ntwo"
    expect(talk.composer).to_have_value("")


def test_enter_while_composing_never_sends(talk):
    talk.page.evaluate(
        """() => {
          window.composing = [];
          document.addEventListener("keydown", (event) => {
            if (event.key === "Enter") window.composing.push([event.isComposing, event.keyCode]);
          }, true);
        }"""
    )
    keyboard = talk.page.context.new_cdp_session(talk.page)

    def press_enter(code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            keyboard.send(
                "Input.dispatchKeyEvent",
                {"type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": code},
            )

    talk.composer.focus()
    keyboard.send(
        "Input.imeSetComposition", {"text": "你好", "selectionStart": 2, "selectionEnd": 2}
    )
    press_enter(13)
    keyboard.send("Input.insertText", {"text": "你好"})
    press_enter(229)  # Safari has ended the composition by then
    assert talk.page.evaluate("window.composing") == [[True, 13], [False, 229]]
    expect(talk.composer).to_have_value("你好")
    talk.composer.press("Enter")
    expect(talk.answers).to_have_count(2)
    assert questions(talk) == ["First", "你好"]


def test_an_empty_message_is_not_sent(talk, service):
    talk.ask("   ")
    talk.send_button.click()
    talk.ask("Something")
    expect(talk.answers).to_have_count(2)
    talk.expect_status("done")
    assert len(service.requests) == 2


def test_a_draft_survives_a_reload_and_other_pages(talk):
    path = talk.page.url
    talk.composer.press_sequentially("not sent yet")
    talk.page.reload()
    expect(talk.composer).to_have_value("not sent yet")
    talk.open()
    expect(talk.composer).to_have_value("")
    talk.open(path)
    expect(talk.composer).to_have_value("not sent yet")
    talk.composer.press("Enter")
    expect(talk.answers).to_have_count(2)
    talk.page.reload()
    expect(talk.composer).to_have_value("")


def test_a_first_message_is_no_draft_any_more_once_it_was_sent(chat):
    chat.begin("From home")
    chat.page.go_back()
    expect(chat.composer).to_have_value("")


def test_what_was_typed_when_the_session_ended_is_there_after_signing_in(chat, context):
    chat.open()
    chat.composer.fill("typed before the session ended")
    context.clear_cookies(name="sessionid")
    chat.composer.press("Enter")
    chat.page.wait_for_url("**/accounts/login/**")
    sign_in(chat.page, "alice")
    expect(chat.composer).to_have_value("typed before the session ended")


def test_a_message_that_is_too_long_is_refused_and_stays(talk, service):
    text = "x" * (LIMIT + 1)
    talk.ask(text)
    expect(talk.composer_error).to_contain_text("too long")
    expect(talk.composer).to_have_value(text)
    expect(talk.composer).to_be_editable()
    expect(talk.page.locator("#composer-count")).to_have_text(f"{LIMIT + 1} / {LIMIT}")
    talk.composer.press("Backspace")
    talk.composer.press("Enter")
    expect(talk.answers).to_have_count(2)
    expect(talk.composer_error).to_be_empty()
    talk.expect_status("done")
    assert len(service.requests[-1].body["messages"][-1]["content"]) == LIMIT


def test_a_message_that_no_frame_can_hold_is_not_sent_and_stays(talk):
    text = "x" * 3_000_000
    talk.ask(text)
    expect(talk.page.locator("#composer-note")).to_contain_text("too long")
    expect(talk.composer).to_have_value(text)
    expect(talk.composer).to_be_editable()
    expect(talk.page.locator("#connection")).to_be_hidden()
    talk.ask("Short")
    expect(talk.answers).to_have_count(2)


def test_a_first_message_that_is_too_long_is_refused_and_stays(chat, context, service):
    context.watch.allow("422")
    text = "好" * (LIMIT + 1)
    chat.open()
    chat.ask(text)
    expect(chat.composer_error).to_contain_text("too long")
    expect(chat.composer).to_have_value(text)
    chat.ask("Short")
    chat.page.wait_for_url("**/c/*/")
    assert questions(chat) == ["Short"]


def test_a_double_click_on_send_asks_once(talk, service):
    talk.composer.fill("Twice?")
    talk.send_button.dblclick()
    expect(talk.answers).to_have_count(2)
    talk.expect_status("done")
    talk.page.reload()
    expect(talk.answers).to_have_count(2)
    assert len(service.requests) == 2


def test_a_double_click_on_the_first_send_asks_once(chat, service):
    chat.open()
    before = chat.page.get_by_role("navigation", name="Conversations").get_by_role("link").count()
    chat.composer.fill("Twice at first?")
    chat.send_button.dblclick()
    chat.page.wait_for_url("**/c/*/")
    chat.expect_status("done")
    listed = chat.page.get_by_role("navigation", name="Conversations").get_by_role("link")
    expect(listed).to_have_count(before + 1)
    assert len(service.requests) == 1


def test_what_is_sent_while_an_answer_streams_is_refused_and_stays(talk, service):
    service.tell(say=["one ", "two"], pause_after=1)
    talk.ask("Second")
    expect(talk.answers).to_have_count(2)
    talk.expect_text("one")
    talk.ask("Too early")
    expect(talk.composer_error).to_contain_text("still being written")
    expect(talk.composer).to_have_value("Too early")
    service.resume()
    talk.expect_status("done")
    talk.composer.press("Enter")
    expect(talk.answers).to_have_count(3)
    assert questions(talk) == ["First", "Second", "Too early"]


def test_another_model_can_be_chosen_and_stays_chosen(talk, service):
    picker = talk.page.get_by_role("combobox", name="Model")
    expect(picker.locator("option:checked")).to_have_text("fake-model")
    picker.select_option(label="other-model")
    talk.ask("And you?")
    expect(talk.answers).to_have_count(2)
    talk.expect_status("done")
    assert [request.body["model"] for request in service.requests] == ["fake-model", "other-model"]
    expect(talk.answer).to_contain_text("other-model")
    talk.page.reload()
    expect(picker.locator("option:checked")).to_have_text("other-model")


@pytest.mark.parametrize(
    "text",
    [
        "emoji 👩‍👩‍👧‍👦 🏳️‍🌈 and flags 🇨🇳",
        "שלום עולם مرحبا بالعالم mixed with English",
        "长" * 3000,
        "W" * 3000,
        "</textarea><script>window.pwned = 1</script>",
        "<hx-partial hx-target='#turns' hx-swap='innerHTML'>gone</hx-partial>",
        "{{ 7*7 }} {% debug %} &amp; &lt;",
    ],
    ids=["emoji", "right to left", "long Chinese", "long word", "textarea", "partial", "template"],
)
def test_whatever_is_typed_is_shown_as_it_is_and_sent_as_it_is(chat, service, text):
    chat.open()
    chat.ask(text)
    chat.page.wait_for_url("**/c/*/")
    chat.expect_status("done")
    expect(chat.questions.last.locator(".said")).to_have_text(text)
    assert service.requests[-1].body["messages"][-1]["content"] == text
    assert chat.overflow() <= 0
    chat.ask(text)
    expect(chat.answers).to_have_count(2)
    expect(chat.questions.last.locator(".said")).to_have_text(text)
    assert chat.page.evaluate("window.pwned") is None


def test_quick_messages_are_each_answered_once(talk, service):
    for number in range(10):
        talk.ask(f"quick {number}")
        expect(talk.composer).to_have_value("")
        expect(talk.answers).to_have_count(number + 2)
        talk.expect_status("done")
    assert questions(talk) == ["First", *(f"quick {number}" for number in range(10))]
    wait_until(lambda: len(service.requests) == 11)
