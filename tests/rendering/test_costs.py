"""Counted, not timed: what a long answer costs a token, and that no shape of text breaks that."""

from dataclasses import dataclass

import comrak
import pytest

from chat.rendering import blocks
from tests.rendering import texts

READ_EVERY = 10  # characters
A_TOKEN = 4  # characters


@dataclass
class Cost:
    characters: int
    sent: int
    parsed: int


@pytest.fixture
def cost_of(monkeypatch):
    """What it costs to stream a text to one reader who looks every few characters."""
    parsed = 0
    parse = comrak.render_markdown

    def counting(source, *options):
        nonlocal parsed
        parsed += len(source)
        return parse(source, *options)

    monkeypatch.setattr(comrak, "render_markdown", counting)

    def cost(text, every=READ_EVERY):
        nonlocal parsed
        parsed = 0
        document, position, sent = blocks.Document(), blocks.START, 0
        for chunk in [*texts.chunks(text, [every]), None]:
            if chunk is None:
                document.finish()
            else:
                document.feed(chunk)
            change, position = document.change_since(position)
            sent += size(change)
        return Cost(len(text), sent, parsed)

    return cost


def size(change: blocks.Change) -> int:
    """Characters of HTML."""
    match change.tail:
        case blocks.Replace(html):
            return len(change.appended) + len(html)
        case blocks.Append(html, tip):
            return len(change.appended) + len(html) + len(tip or "")
    return len(change.appended)


def test_a_token_of_a_long_answer_costs_what_one_of_a_short_answer_costs(cost_of):
    mixed = "\n\n".join(texts.ANSWERS[name] for name in ("recipe", "code", "table", "steps"))
    mixed += "\n\n" + "A plain paragraph of some length, **bold** here and there. " * 8 + "\n\n"
    short = cost_of((mixed * 100)[: 1_000 * A_TOKEN])
    long = cost_of((mixed * 100)[: 20_000 * A_TOKEN])
    assert long.characters == 20 * short.characters
    assert long.sent / long.characters <= 1.2 * short.sent / short.characters
    assert long.parsed / long.characters <= 1.2 * short.parsed / short.characters


ROWS = "".join(f"| {number} | some *text* | more |\n" for number in range(500))
SHAPES = {
    "paragraph": "Some words, **bold** and `code`, in one paragraph. " * 800,
    "list": "".join(f"- item {number} with **bold** text\n" for number in range(1000)),
    "loose list": "".join(f"{number}. item {number}\n\n   more\n\n" for number in range(1, 1000)),
    "table": "| a | b | c |\n|---|:-:|---|\n" + ROWS * 2,
    "code": "```python\n" + "x = [number for number in range(10)]\n" * 1000,
    "code in an item": "- a\n\n  ```python\n" + "  x = [number for number in range(10)]\n" * 1000,
    "quote": "> a line of a quotation, *in full*\n" * 1000,
    "quoted paragraphs": "> a line of a quotation, *in full*\n>\n" * 1000,
    "one line": "x" * 40_000,
    "nested list": "".join("  " * (n % 20) + f"- item {n}\n" for n in range(1500)),
    "nested quotes": "> " * 40 + "a\n" + (("> " * 40) + "a\n") * 500,
    "brackets": "[" * 40_000,
    "stars": "*a" * 20_000,
    "only stars": "*" * 40_000,
    "backticks": "`" * 40_000,
    "dashes": "-" * 40_000,
    "links": "[a](https://b.example) " * 2000,
    "open links": "[a](" * 10_000,
    "formulas": "$x$ costs $5 " * 3000,
    "raw html": "<div>\n" + "<b>x</b>\n" * 4000,
    "lost": "- # h\ntext\n  ```\nx\n" + "- a *b*\n\nc\n\n" * 4000,
    "wide row": "| a | b |\n|---|---|\n| " + "x " * 20_000,
    "definitions": "".join(f"[a{n}]: https://b.example/{n}\n" for n in range(1500)),
    "definitions and uses": "".join(
        f"[a{n}]: https://b.example\n\n[a{n}]\n\n" for n in range(1000)
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_no_shape_of_text_costs_more_than_its_length(name, cost_of):
    text = SHAPES[name]
    half, whole = cost_of(text[: len(text) // 2]), cost_of(text)
    assert whole.sent <= 2.4 * half.sent
    assert whole.parsed <= 2.4 * half.parsed
    assert whole.sent <= 200 * whole.characters
    assert whole.parsed <= 80 * whole.characters


def test_a_short_header_does_not_blow_up_short_rows():
    columns = 150
    text = "|a" * columns + "\n" + "|-" * columns + "\n" + "x\n" * 5000
    assert len(blocks.render(text)) < 10 * len(text)
