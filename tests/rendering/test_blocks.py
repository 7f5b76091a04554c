"""What readers were sent adds up to what a reload shows, which is what the whole text gives."""

import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from chat.rendering import blocks, markdown
from tests.rendering import texts
from tests.rendering.pages import Page, inspect

_REFERENCE = re.compile(r"\[(x|y\s+z)\]", re.IGNORECASE)
LATE = "]:"  # a definition that may come later than its use: what the stream showed stands


def streamed(text: str, sizes: list[int], patience: int = 1) -> Page:
    """The page of a reader who looks at every `patience`-th chunk; each state is inspected."""
    document, page = blocks.Document(), Page()
    for number, chunk in enumerate(texts.chunks(text, sizes)):
        document.feed(chunk)
        if number % patience == 0:
            page.read(document)
            inspect(page.blocks)
            inspect(page.tail)
    document.finish()
    page.read(document)
    return page


@settings(max_examples=400, deadline=None)
@given(texts.markdown, texts.chunk_sizes, st.integers(1, 5))
@example("```py\nx\n``", [1], 1)
@example("- a\n\n  b\n\n- c\n\nd", [1], 1)
@example("a\r\n\r\nb\r", [1], 1)
def test_what_a_reader_was_sent_adds_up_to_what_a_reload_shows(text, sizes, patience):
    page = streamed(text, sizes, patience)
    assert page.blocks == blocks.render(text)
    assert page.tail == ""


@settings(max_examples=800, deadline=None)
@given(texts.markdown)
@example("-\n\n1.\n0.\n")
@example("-\n\n  >\n>")
@example("1. <v>\n <?")
@example("a\n<p")
@example("100. x\n\n   ```\n\ncode\n")
@example("- # h\ntext\n  ```\n\nno fence of the item\n  ```\n")
@example("    a\n\n\n    b\n\nc")
@example("<b x='1'>\n```\n\nx\n```")
@example("- a\n\n\n    b\n\n- - c\n\n  d")
def test_blocks_are_what_the_whole_text_gives(text):
    assume(LATE not in text)
    assert blocks.render(text) == markdown.render(texts.as_kept(text))


@settings(max_examples=300, deadline=None)
@given(texts.markdown)
def test_a_link_is_known_in_every_block_below_its_definition(text):
    # Of more references than come to the length of its text, the parser leaves the rest as text.
    assume(LATE not in text and len(_REFERENCE.findall(text)) <= 2)
    text = texts.DEFINITIONS + text
    assert blocks.render(text) == markdown.render(texts.as_kept(text))


def test_a_link_defined_later_than_its_use_stays_what_the_stream_showed():
    text = "See [x].\n\n[x]: https://example.com\n\nSee [x]."
    page = streamed(text, [3])
    assert page.blocks == blocks.render(text)
    assert page.blocks.startswith("<p>See [x].</p>\n<p>See <a href=")


def test_a_link_defined_later_in_the_same_block_is_a_link():
    assert "<a href=" in blocks.render("- [x]\n- [x]: https://example.com\n")


def test_the_first_definition_of_a_link_wins():
    html = blocks.render("[x]: https://one.example\n\na\n\n[x]: https://two.example\n\n[x]")
    assert "one.example" in html
    assert "two.example" not in html


def test_footnotes_are_text():
    assert blocks.render("a[^1]\n\n[^1]: the note").count("[^1]") == 2


@pytest.mark.parametrize("size", [1, 3, 7, 10_000])
@pytest.mark.parametrize("name", texts.ANSWERS)
def test_answers_as_models_write_them(name, size):
    text = texts.ANSWERS[name]
    page = streamed(text, [size])
    assert page.blocks == blocks.render(text)
    assert page.blocks == markdown.render(text)
    assert page.tail == ""


@pytest.mark.parametrize("text", texts.HOSTILE)
def test_no_state_of_a_page_is_ever_unsafe(text):
    for whole in (text, f"a **b {text}\n\n{text}\n", f"- {text}\n\n  {text}", f"> {text}\n"):
        page = streamed(whole, [max(1, len(whole) // 40)])
        inspect(page.blocks)
        assert page.blocks == blocks.render(whole)


def test_there_are_enough_hostile_texts():
    assert len(texts.HOSTILE) >= 120


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(texts.HOSTILE), st.sampled_from(texts.HOSTILE), texts.chunk_sizes)
def test_no_two_hostile_texts_open_a_gap_between_them(first, second, sizes):
    text = first[:500] + second[:500]
    assert streamed(text, sizes).blocks == blocks.render(text)


def test_every_reader_gets_there_whenever_it_comes():
    document = blocks.Document()
    early, late = Page(), Page()
    for chunk in texts.chunks(texts.ANSWERS["steps"] * 5, [11]):
        document.feed(chunk)
        early.read(document)
    late.read(document)
    assert (late.blocks, late.tail) == (early.blocks, early.tail)


def test_readers_at_the_same_position_share_one_change():
    document = blocks.Document()
    document.feed("# a\n\nb")
    first, _ = document.change_since(blocks.START)
    second, _ = document.change_since(blocks.START)
    assert first is second


def test_nothing_new_is_no_change():
    document = blocks.Document()
    document.feed("a")
    _, position = document.change_since(blocks.START)
    change, again = document.change_since(position)
    assert change == blocks.Change("", blocks.KEEP)
    assert again == position


def test_open_code_is_appended_to_and_coloured_once_it_closes():
    document, page = blocks.Document(), Page()
    document.feed("```python\nimport os\n")
    page.read(document)
    document.feed("x = 1\n")
    change, _ = document.change_since(page.position)
    assert change == blocks.Change("", blocks.Append("x = 1\n", None))
    page.read(document)
    assert "<span" not in page.tail
    document.feed("```\n")
    page.read(document)
    assert '<span class="kn">import</span>' in page.blocks
    assert page.tail == ""


def test_the_mark_that_closes_code_never_shows_as_code():
    document, page = blocks.Document(), Page()
    for chunk in ["```\n", "a\n", "`", "``"]:
        document.feed(chunk)
        page.read(document)
    assert inspect(page.tail).strip() == "a"


def test_what_a_mark_will_be_is_not_guessed():
    document, page = blocks.Document(), Page()
    document.feed("Three things:\n-")
    page.read(document)
    assert page.tail == "<p>Three things:</p>\n"


def test_a_long_list_stays_alive():
    document, page = blocks.Document(), Page()
    for number in range(300):
        document.feed(f"- item **{number}**\n")
        page.read(document)
        assert f"<strong>{number}</strong>" in page.tail


def test_a_long_table_stays_alive():
    document, page = blocks.Document(), Page()
    document.feed("| n | text |\n|--:|------|\n")
    for number in range(300):
        document.feed(f"| {number} | *row* |\n")
        page.read(document)
        assert f'<td align="right">{number}</td>\n<td><em>row</em></td>' in page.tail


def test_a_long_item_keeps_its_code_apart():
    document, page = blocks.Document(), Page()
    document.feed("1. Step\n\n   ```sh\n")
    for number in range(300):
        document.feed(f"   # line {number}\n")
        page.read(document)
    assert "<h3>" not in page.tail
    assert "# line 299" in inspect(page.tail)


@pytest.mark.parametrize("text", ["word " * 2000, "字" * 5000, "<div>\n" + "x <b> *y*\n" * 500])
def test_all_of_a_long_block_is_visible(text):
    page, document = Page(), blocks.Document()
    for chunk in texts.chunks(text, [9]):
        document.feed(chunk)
        page.read(document)
    assert "".join(inspect(page.tail).split()) == "".join(text.split())


def test_the_text_is_kept_without_what_cannot_be_stored():
    document = blocks.Document()
    for chunk in ["a\r", "\nb\0", "\ud83d", "c\r\r\n"]:
        document.feed(chunk)
    assert document.text == "a\nb\ufffd\ufffdc\n\n"


def test_a_finished_document_takes_no_more_text():
    document = blocks.Document()
    document.finish()
    with pytest.raises(ValueError, match="finished"):
        document.feed("a")
