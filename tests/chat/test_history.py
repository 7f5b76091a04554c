"""What is sent along: the newest part that fits, always with the question, never half a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_models.models import AIModel
from chat.cloudbase.errors import ContextTooLong
from chat.cloudbase.messages import Message, Role
from chat.turns import history, tokens

texts = st.text(max_size=400)


def conversation(sizes: list[str]) -> list[Message]:
    """Questions and answers in turn, a question at the end."""
    roles: tuple[Role, Role] = ("user", "assistant")
    messages = [Message(roles[i % 2], text) for i, text in enumerate(sizes)]
    return [*messages, Message("user", "the question")] if len(messages) % 2 == 0 else messages


@given(st.lists(texts, min_size=1, max_size=12), st.integers(0, 1500))
def test_what_is_kept_is_the_newest_part_and_fits_unless_it_is_the_question_alone(sizes, limit):
    messages = conversation(sizes)
    fitted = history.fit(messages, limit)
    assert list(fitted.messages) == messages[fitted.left_out :]
    assert fitted.messages[0].role == "user"
    assert fitted.estimated_tokens <= limit or len(fitted.messages) == 1


@given(st.lists(texts, min_size=1, max_size=12))
def test_without_a_limit_everything_is_sent(sizes):
    messages = conversation(sizes)
    assert history.fit(messages, None).left_out == 0


@given(st.lists(texts, min_size=2, max_size=12), st.integers(50, 5000), st.integers(10, 4999))
def test_after_a_refusal_less_is_sent(sizes, counted, allowed):
    fitted = history.fit(conversation(sizes), None)
    limit = history.shrunk(fitted, ContextTooLong(n_prompt_tokens=counted, n_ctx=allowed))
    if len(fitted.messages) == 1:
        assert limit is None
    else:
        assert limit < fitted.estimated_tokens


@pytest.mark.parametrize(
    ("context", "parameters", "budget"),
    [
        (None, {}, None),
        (2048, {"max_tokens": 256}, 1792),
        (2048, {}, 1536),
        (2048, {"max_tokens": 2000}, 1024),
    ],
)
def test_the_answer_has_its_share_of_the_context(context, parameters, budget):
    model = AIModel(name="m", context_length=context, parameters=parameters)
    assert history.budget(model) == budget


@pytest.mark.parametrize(
    ("text", "about"), [("", 0), ("a", 1), ("word", 1), ("words", 2), ("你好", 2), ("hi 你好", 3)]
)
def test_tokens_are_estimated_by_script(text, about):
    assert tokens.estimate(text) == about
