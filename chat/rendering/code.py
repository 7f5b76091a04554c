"""Code as a page shows it: escaped, labelled, and highlighted once it is complete."""

import re
from functools import lru_cache
from html import escape

from pygments import highlight as highlighted
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

# Highlighting runs where sockets are served: about a millisecond for a thousand characters.
LONGEST_HIGHLIGHTED = 20_000
LONGEST_HIGHLIGHTED_LINE = 2_000

_LANGUAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+#.-]{0,30}")
_REORDERING = {ord(mark): f"[U+{ord(mark):04X}]" for mark in "\u202a\u202b\u202c\u202d\u202e"} | {
    ord(mark): f"[U+{ord(mark):04X}]" for mark in "\u2066\u2067\u2068\u2069"
}
_UNCOLOURED = re.compile(r'<span class="(?:n|nx|o|p|w|x)">([^<]*)</span>')
_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


def figure(text: str, language: str, *, is_highlighted: bool) -> str:
    """Safe HTML of a whole code block; what is no known language stays plain."""
    before, after = frame(language)
    return before + (_highlighted(text, language) if is_highlighted else plain(text)) + after


def frame(language: str, attributes: str = "") -> tuple[str, str]:
    """The HTML around the code; `attributes` (ours, not a model's) go to the `code` element."""
    label = language if _LANGUAGE.fullmatch(language) else ""
    named = f' data-language="{label}"' if label else ""
    button = '<button type="button" class="copy" data-copy></button>'
    caption = f"<figcaption>{label}{button}</figcaption>"
    opening = f'<figure class="code"{named}>{caption}<pre tabindex="0"><code{attributes}>'
    return opening, "</code></pre></figure>"


def plain(text: str) -> str:
    """Escaped text, with the characters made visible that would reorder what a person reads."""
    return escape(text.translate(_REORDERING) if not text.isascii() else text, quote=False)


@lru_cache(maxsize=128)
def _highlighted(text: str, language: str) -> str:
    lexer = _lexer(language)
    if lexer is None or not _is_affordable(text):
        return plain(text)
    try:
        html = highlighted(text.translate(_REORDERING), lexer, _FORMATTER)
    except Exception:  # lexers are many and by many hands: a broken one costs the colours only
        return plain(text)
    html = _UNCOLOURED.sub(r"\1", html)
    return html if text.endswith("\n") else html.removesuffix("\n")


def _is_affordable(text: str) -> bool:
    return len(text) <= LONGEST_HIGHLIGHTED and all(
        len(line) <= LONGEST_HIGHLIGHTED_LINE for line in text.split("\n")
    )


@lru_cache(maxsize=128)
def _lexer(language: str) -> Lexer | None:
    if not _LANGUAGE.fullmatch(language):
        return None
    try:
        return get_lexer_by_name(language.lower(), stripnl=False)
    except ClassNotFound:
        return None
