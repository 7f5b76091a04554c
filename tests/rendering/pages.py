"""A reader's page, and what may stand on it."""

import re
from html.parser import HTMLParser

from chat.rendering import blocks


class Page:
    """Holds what a browser would hold that applies a document's changes."""

    def __init__(self) -> None:
        self.position = blocks.START
        self.blocks = ""
        self.tail = ""

    def read(self, document: blocks.Document) -> None:
        change, self.position = document.change_since(self.position)
        self.blocks += change.appended
        match change.tail:
            case blocks.Replace(html):
                self.tail = html
            case blocks.Append(html, tip):
                self._insert(html, "data-grow")
                if tip is not None:
                    self._empty("data-tip")
                    self._insert(tip, "data-tip")

    def _insert(self, html: str, mark: str) -> None:
        _, end = _inside(self.tail, mark)
        self.tail = self.tail[:end] + html + self.tail[end:]

    def _empty(self, mark: str) -> None:
        start, end = _inside(self.tail, mark)
        self.tail = self.tail[:start] + self.tail[end:]


def _inside(html: str, mark: str) -> tuple[int, int]:
    """Where the one element with attribute `mark` begins and ends inside."""
    (opening,) = re.finditer(rf"<([a-z]+)[^<>]* {mark}>", html)
    depth = 1
    for tag in re.compile(rf"<(/?){opening[1]}\b[^<]*>").finditer(html, opening.end()):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return opening.end(), tag.start()
    raise AssertionError(html)


_LINK = {
    "href": r"(?i:https?://|mailto:).*",
    "title": r".*",
    "rel": "noopener noreferrer nofollow",
    "target": "_blank",
    "class": "remote-image",
}
_MARKED = r"task|task done|[a-z][a-z0-9]{0,2}( [a-z]+(-[A-Z][a-z]+)+)*"  # ours, and Pygments'
_GROWING = {"data-grow": "", "data-tip": ""}
_LENGTH = r"-?[\w.% ]+"
_BARE_FORMULA = [
    *("mrow", "ms", "msqrt", "mroot", "msup", "msub", "msubsup", "munderover", "mmultiscripts"),
    *("none", "mprescripts", "mtr", "mpadded", "mphantom"),
]
_OPERATOR = [
    *("stretchy", "fence", "form", "largeop", "movablelimits", "accent", "lspace", "rspace"),
    *("minsize", "maxsize"),
]
_MATRIX = ["columnalign", "rowspacing", "columnspacing", "columnlines", "rowlines"]
_NOTHING: dict[str, str] = {}
_FORMULA = {
    **dict.fromkeys(_BARE_FORMULA, _NOTHING),
    "math": {"display": "inline|block"},
    "mo": dict.fromkeys(_OPERATOR, _LENGTH),
    "mi": {"mathvariant": _LENGTH},
    "mn": {"mathvariant": _LENGTH},
    "mtext": {"mathvariant": _LENGTH},
    "mfrac": {"linethickness": _LENGTH},
    "mtable": dict.fromkeys(_MATRIX, _LENGTH),
    "mtd": {"columnalign": _LENGTH},
    "mspace": {"width": _LENGTH},
    "mstyle": {"displaystyle": _LENGTH, "scriptlevel": _LENGTH},
    "mover": {"accent": _LENGTH},
    "munder": {"accentunder": _LENGTH},
    "menclose": {"notation": _LENGTH},
}
_BARE = [
    *("br", "hr", "em", "strong", "del", "blockquote", "ul", "li", "h3", "h4", "h5", "h6"),
    *("table", "thead", "tr", "figcaption"),
]
_ALLOWED: dict[str, dict[str, str]] = {
    **dict.fromkeys(_BARE, _NOTHING),
    **_FORMULA,
    "p": {"class": "raw"},
    "code": {"class": "math-error", **_GROWING},
    "pre": {"tabindex": "0"},
    "ol": {"start": r"\d+"},
    "tbody": _GROWING,
    "th": {"align": "left|center|right"},
    "td": {"align": "left|center|right"},
    "div": {"class": "table-scroll", "tabindex": "0", **_GROWING},
    "figure": {"class": "code", "data-language": r"[A-Za-z0-9_+#.-]{1,31}"},
    "button": {"type": "button", "class": "copy", "data-copy": ""},
    "span": {"class": _MARKED, **_GROWING},
    "a": _LINK,
}
_VOID = {"br", "hr"}
_IN_A_PARAGRAPH = {
    *("br", "em", "strong", "del", "code", "span", "a", "math"),
    *_FORMULA,
}


class _Inspector(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in _ALLOWED, tag
        for name, value in attributes:
            assert name in _ALLOWED[tag], (tag, name)
            assert re.fullmatch(_ALLOWED[tag][name], value or "", re.DOTALL), (tag, name, value)
        assert "p" not in self.open or tag in _IN_A_PARAGRAPH, (self.open, tag)
        assert tag != "a" or "a" not in self.open
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        raise AssertionError(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)


def inspect(html: str) -> str:
    """The text of safe, well-formed HTML; anything else is an AssertionError."""
    inspector = _Inspector()
    inspector.feed(html)
    inspector.close()
    assert not inspector.open, html
    assert not set(html) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    return "".join(inspector.text)
