from hypothesis import given, settings
from hypothesis import strategies as st

from chat.rendering import code
from tests.rendering.pages import inspect


@settings(max_examples=200, deadline=None)
@given(
    st.text("abc <>&\"'\n\t\\#/*=(){}[]:;0中", max_size=80),
    st.sampled_from(["python", "js", "html", "bash", "json", "c++", "rust", "php", "yaml"]),
)
def test_colours_change_nothing_of_the_text(text, language):
    html = code.figure(text, language, is_highlighted=True)
    before, after = code.frame(language)
    assert inspect(html) == language + text
    assert html.startswith(before)
    assert html.endswith(after)


def test_an_unknown_language_is_plain_and_labelled():
    html = code.figure("a < b", "no-such-language", is_highlighted=True)
    assert 'data-language="no-such-language"' in html
    assert "<code>a &lt; b</code>" in html


def test_a_language_that_is_no_word_is_no_label():
    html = code.figure("a", 'x"onclick=y', is_highlighted=True)
    assert html.startswith('<figure class="code"><figcaption><button')


def test_very_long_code_is_plain():
    assert "<span" not in code.figure("x = 1\n" * 10_000, "python", is_highlighted=True)
    assert "<span" not in code.figure("x" * 3_000 + " = 1", "python", is_highlighted=True)


def test_characters_that_reorder_are_visible():
    for is_highlighted in (True, False):
        html = code.figure("a\u202eb\u2066", "python", is_highlighted=is_highlighted)
        assert inspect(html) == "pythona[U+202E]b[U+2066]"
