"""Pages that are reloaded, doubled, cut off and left alone in mid-answer."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from tests.browser.pages import LOST_CONNECTION, ChatPage, sign_in
from tests.installations import Installation

WORDS = [f"word{number} " for number in range(60)]


def test_a_reload_in_mid_answer_shows_all_of_it_and_goes_on(chat, service):
    service.tell(say=["before ", "after"], pause_after=1)
    chat.begin("Hi", status="streaming")
    chat.page.reload()
    chat.expect_text("before")
    chat.expect_status("streaming")
    service.resume()
    chat.expect_status("done")
    chat.expect_text("before after")
    shown = chat.turns()
    chat.page.reload()
    assert chat.turns() == shown


def test_a_second_tab_shows_the_same_answer_live(chat, context, service):
    chat.begin("Hi")
    other = ChatPage(context.new_page())
    other.open(chat.page.url)
    service.tell(say=WORDS, delay=0.02)
    other.watch_growth()
    chat.ask("Again")
    for tab in (chat, other):
        expect(tab.answers).to_have_count(2)
        tab.expect_status("done")
    assert len(other.growth()) > 5
    assert chat.turns() == other.turns()


def test_stop_in_one_tab_is_seen_in_the_other(chat, context, service):
    service.tell(say=["partial ", "never"], pause_after=1)
    chat.begin("Hi", status="streaming")
    other = ChatPage(context.new_page())
    other.open(chat.page.url)
    other.expect_text("partial")
    other.stop_button.click()
    chat.expect_status("stopped")
    expect(chat.send_button).to_be_visible()
    assert chat.turns() == other.turns()


def test_leaving_in_mid_answer_and_coming_back_finds_it_complete(chat, service):
    service.tell(say=["one ", "two"], pause_after=1)
    chat.begin("Hi", status="streaming")
    chat.page.get_by_role("link", name="New conversation").first.click()
    chat.page.wait_for_url("**/")
    service.resume()
    chat.page.go_back()
    chat.expect_status("done")
    chat.expect_text("one two")
    chat.page.go_forward()
    expect(chat.questions).to_have_count(0)


def test_a_lost_connection_is_told_and_comes_back_with_all_that_was_missed(
    cabled_chat, cable, service
):
    chat = cabled_chat
    service.tell(say=WORDS, pause_after=5)
    chat.begin("Hi", status="streaming")
    chat.expect_text("word4")
    cable.pull()
    expect(chat.connection_banner).to_contain_text("Connection lost")
    service.resume()
    cable.plug()
    expect(chat.connection_banner).to_be_hidden()
    chat.expect_status("done")
    chat.expect_text("word59")
    shown = chat.turns()
    chat.page.reload()
    assert chat.turns() == shown


def test_a_connection_that_is_lost_again_and_again_loses_nothing(cabled_chat, cable, service):
    chat = cabled_chat
    chat.begin("Hi")
    service.tell(say=WORDS, delay=0.1)
    chat.ask("Slowly")
    expect(chat.answers).to_have_count(2)
    for word in ("word3 ", "word12 ", "word30 "):
        chat.expect_text(word)
        cable.pull()
        cable.plug()
    chat.expect_status("done", within=15)
    shown = chat.turns()
    chat.page.reload()
    assert chat.turns() == shown


def test_what_is_sent_without_a_connection_goes_out_once_when_it_is_back(
    cabled_chat, cable, service
):
    chat = cabled_chat
    chat.begin("Hi")
    cable.pull()
    expect(chat.connection_banner).to_contain_text("Connection lost")
    chat.ask("Into the dark")
    expect(chat.page.locator("#composer-note")).to_contain_text("Not sent yet")
    expect(chat.composer).to_have_value("Into the dark")
    cable.plug()
    expect(chat.answers).to_have_count(2)
    chat.expect_status("done")
    expect(chat.composer).to_have_value("")
    expect(chat.page.locator("#composer-note")).to_be_empty()
    assert chat.questions.all_inner_texts() == ["Hi", "Into the dark"]
    assert len(service.requests) == 2


def test_a_line_that_went_dead_without_a_word_is_noticed_and_the_message_goes_out_once(
    cabled_chat, cable, service
):
    cabled_chat.begin("Hi")
    cable.hold()
    cabled_chat.ask("Are you there?")
    expect(cabled_chat.page.locator("#connection")).to_be_visible(timeout=20_000)
    cable.pull()
    cable.plug()
    expect(cabled_chat.answers).to_have_count(2, timeout=20_000)
    cabled_chat.expect_status("done")
    assert len(service.requests) == 2


def test_whoever_is_signed_out_in_mid_answer_is_told_and_keeps_the_draft(
    cabled_chat, cable, service
):
    chat = cabled_chat
    service.tell(say=["one ", "two"], pause_after=1)
    chat.begin("Hi", status="streaming")
    chat.composer.press_sequentially("my next question")
    chat.page.context.clear_cookies()
    cable.pull()
    cable.plug()
    expect(chat.connection_banner).to_contain_text("signed out")
    path = chat.page.url
    service.resume()
    chat.connection_banner.get_by_role("link", name="Sign in").click()
    sign_in(chat.page, "alice")
    chat.page.wait_for_url(path)
    chat.expect_text("one two")
    expect(chat.composer).to_have_value("my next question")


def test_a_conversation_that_is_gone_is_told(chat, service, installation):
    chat.begin("Hi")
    pk = chat.page.url.rstrip("/").rpartition("/")[2]
    chat.ask("More")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("done")
    installation.python(
        f"from chat.models import Conversation; Conversation.objects.get(pk={pk}).delete()"
    )
    chat.ask("Are you there?")
    expect(chat.composer_error).not_to_be_empty()
    expect(chat.composer).to_have_value("Are you there?")
    expect(chat.composer).to_be_editable()


@pytest.mark.server
def test_a_killed_server_comes_back_and_the_answer_is_interrupted(tmp_path, new_context, service):
    installation = Installation(tmp_path / "data")
    with installation.served() as server:
        installation.add_people()
        installation.connect(service.base_url)
        port = int(server.url.rstrip("/").rpartition(":")[2])
        context = new_context(base_url=server.url)
        context.watch.allow(LOST_CONNECTION)
        chat = ChatPage(context.new_page())
        chat.open()
        sign_in(chat.page, "alice")
        service.tell(say=WORDS, delay=0.1)
        chat.begin("Hi", status="streaming")
        chat.expect_text("word25 ")
        server.kill()
        expect(chat.connection_banner).to_contain_text("Connection lost")
    service.tell(say=["better"], delay=0)
    with installation.served(port=port):
        started_at = time.monotonic()
        expect(chat.connection_banner).to_be_hidden(timeout=15_000)
        chat.expect_status("interrupted", within=30)
        assert time.monotonic() - started_at < 30
        chat.expect_text("word10 ")
        expect(chat.answer).to_contain_text("Interrupted")
        shown = chat.turns()
        chat.page.reload()
        assert chat.turns() == shown
        chat.regenerate()
        chat.expect_text("better")
        chat.expect_status("done")
