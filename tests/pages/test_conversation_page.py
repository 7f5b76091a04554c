"""What the page of a conversation shows, state by state."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from admin_models.models import AIModel
from chat.models import Message, Usage
from chat.rendering import fragments
from chat.templatetags.icons import PATHS
from tests.pages.html import page, the, words


def page_of(browser, conversation):
    return page(browser.get(conversation.get_absolute_url()))


def ask(conversation, text="Why?") -> Message:
    return Message.objects.create(conversation=conversation, role="user", text=text)


def answer(question, **fields) -> Message:
    values = {"role": "assistant", "status": "done", "requested_model": "lab-7b"} | fields
    return Message.objects.create(conversation=question.conversation, question=question, **values)


def test_a_question_is_shown_as_it_was_typed(alices_browser, talk):
    typed = "  first\n\n<b>not bold</b> & *not emphasis*"
    ask(talk, typed)
    assert the(page_of(alices_browser, talk), ".said").string == typed


def test_an_answer_has_the_parts_that_frames_write_into(alices_browser, talk):
    message = answer(ask(talk), text="**Because.**", reasoning="  Let me\nthink.")
    bubble = the(page_of(alices_browser, talk), f"#message-{message.pk}")
    assert (bubble["data-role"], bubble["data-status"]) == ("assistant", "done")
    assert the(bubble, f"#message-{message.pk}-reasoning").string == "  Let me\nthink."
    assert the(bubble, f"#message-{message.pk}-blocks strong").string == "Because."
    assert the(bubble, f"#message-{message.pk}-tail").contents == []
    assert the(bubble, f"footer#message-{message.pk}-footer")


def test_only_the_newest_answer_can_be_generated_again(alices_browser, talk):
    question = ask(talk)
    answer(question, text="old")
    newest = answer(question, text="new")
    shown = page_of(alices_browser, talk)
    assert "old" in words(the(shown, ".earlier"))
    buttons = shown.select("button[form=regenerate-form]")
    assert [button["value"] for button in buttons] == [str(newest.pk)]


def test_an_answer_in_flight_offers_nothing_but_to_stop_it(alices_browser, talk):
    message = answer(ask(talk), status="streaming")
    shown = page_of(alices_browser, talk)
    assert the(shown, f"#message-{message.pk}")["aria-busy"] == "true"
    assert shown.select(".meta") == []
    assert the(shown, "button[form=stop-form]")


@pytest.mark.parametrize(
    ("status", "sentence"), [("stopped", "Stopped."), ("interrupted", "Interrupted:")]
)
def test_an_answer_that_ended_early_says_so(alices_browser, talk, status, sentence):
    answer(ask(talk), status=status, text="Becau")
    assert sentence in words(the(page_of(alices_browser, talk), ".state"))


def test_an_answer_by_another_model_is_never_silent(alices_browser, talk):
    answer(ask(talk), text="Hm.", answered_model="lab-1b")
    said = words(the(page_of(alices_browser, talk), ".mismatch"))
    assert said == "You asked lab-7b, but the service says that lab-1b answered."


def test_what_was_left_out_is_told(alices_browser, talk):
    answer(ask(talk), text="Hm.", left_out=3)
    assert "3 earlier messages were left out" in words(page_of(alices_browser, talk))


@pytest.mark.parametrize("stage", sorted(fragments.STAGES))
def test_an_error_names_its_stage_and_offers_to_try_again(alices_browser, talk, stage):
    error = {
        "code": "rate_limited",
        "stage": stage,
        "fixable_by": "admin",
        "is_retryable": True,
        "request_id": "req-1",
        "detail": "<slow down>",
        "params": {},
    }
    message = answer(ask(talk), status="failed", error=error)
    card = the(page_of(alices_browser, talk), f"#message-{message.pk} .problem")
    assert card["data-stage"] == stage
    assert the(card, ".stage").string == str(fragments.STAGES[stage])
    assert the(card, "path")["d"] == PATHS[stage]
    assert "An administrator can fix this." in words(card)
    assert "<slow down>" in words(card)
    assert the(card, "button[form=regenerate-form]")["value"] == str(message.pk)


@pytest.mark.parametrize(
    ("confidence", "total", "shown"),
    [("reported", 1, "1 token"), ("estimated", 20, "~ 20 tokens"), ("unknown", None, "unknown")],
)
def test_usage_says_how_sure_it_is(alices_browser, talk, confidence, total, shown):
    message = answer(ask(talk), text="Hm.")
    Usage.objects.create(
        message=message, total_tokens=total, confidence=confidence, final_status="done"
    )
    assert shown in words(the(page_of(alices_browser, talk), ".usage summary"))


def test_a_model_that_is_gone_is_not_replaced_unasked(alices_browser, talk, ready_model):
    AIModel.objects.create(group=ready_model.group, name="another")
    ready_model.is_enabled = False
    ready_model.save()
    [chosen] = page_of(alices_browser, talk).select("[name=model] option[selected]")
    assert chosen["value"] == str(ready_model.pk)
    assert chosen.has_attr("disabled")


def test_without_a_model_people_hear_who_can_connect_one(alices_browser):
    greeting = the(page(alices_browser.get("/")), ".greeting")
    assert "No model is connected yet" in words(greeting)
    assert "An administrator can connect one." in words(greeting)


def test_without_a_model_an_administrator_is_led_to_connecting_one(roots_browser):
    link = the(page(roots_browser.get("/")), ".greeting a")
    assert link["href"] == "/environments/"


def test_a_refusal_keeps_what_it_says_as_text():
    html = render_to_string("chat/_composer_error.html", {"sentences": ["<b>", "Too long."]})
    assert html.strip() == "<p>&lt;b&gt;</p><p>Too long.</p>"


def test_frames_carry_no_controls_of_their_own(talk):
    message = answer(ask(talk), status="failed", text="Hm.", error=None)
    assert "hx-" not in fragments.bubble_html(fragments.saved_bubble(message))
