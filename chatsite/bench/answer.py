"""What the synthetic model says: mixed markdown whose words carry numbers.

The number of a word is the number of its token, so that a reader can tell from any piece of page
how far it got, and at the end that nothing is missing, doubled or out of order.
"""

from __future__ import annotations

import re
from functools import cache

SECTION = """
The tide comes in **twice a day**, and each time it lifts *every boat* by the same height. A small
rope may hold a `heavy hull` for years, as long as nobody pulls against the moon; see the
[tables of the port](https://example.org/tide) for the hours.

## Before the harbour wakes

- Watch the water before the wind.
- Count **three waves**, then cast off.
- Leave room for those who return late.

潮水每天来去两次，小船随着月光起落。**港口**的灯塔一直亮着，渔民们知道什么时候出海，也知道什么时候回家。

```python
def height(hour, range_of_day):
    wave = cosine(hour / period)
    return mean + range_of_day * wave
```

| harbour | height | lag |
| --- | --- | --- |
| north quay | three metres | one hour |
| south quay | two metres | none |

> Whoever hurries the sea will wait for it twice.

1. Read the chart.
2. Ask someone who has *been there*.

"""
_KEYWORDS = {"def", "return"}

_TOKEN = re.compile(r"\n+|[^\S\n]*(?:[\u4e00-\u9fff]{1,2}|[^\s\u4e00-\u9fff]+)")
_WORD = re.compile(r"[A-Za-z]{2,}|[\u4e00-\u9fff]{2}")
NUMBERED_WORD = re.compile(r"[A-Za-z\u4e00-\u9fff]{2,}\d+")
"""A word with its number, in markdown and in the text of a page."""
_NUMBER = re.compile(r"[A-Za-z\u4e00-\u9fff]{2}(\d+)")


@cache
def tokens(count: int) -> list[str]:
    """The first `count` tokens of an answer without end."""
    section = _TOKEN.findall(SECTION.lstrip())
    return [_numbered(section[number % len(section)], number) for number in range(count)]


@cache
def text(count: int) -> str:
    """The whole answer of `count` tokens."""
    return "".join(tokens(count))


@cache
def words(count: int) -> list[str]:
    """Every numbered word of the answer, in order."""
    return NUMBERED_WORD.findall(text(count))


@cache
def numbers(count: int) -> list[int]:
    """The numbers of the tokens that hold a numbered word, in order."""
    return [number for number, token in enumerate(tokens(count)) if NUMBERED_WORD.search(token)]


def newest_number(text: str) -> int | None:
    """The last number in a piece of answer, be it markdown or HTML; None if there is none."""
    found = _NUMBER.findall(text)
    return int(found[-1]) if found else None


def _numbered(token: str, number: int) -> str:
    word = _WORD.search(token)
    if word is None or word.group() in _KEYWORDS:
        return token
    return f"{token[: word.end()]}{number}{token[word.end() :]}"
