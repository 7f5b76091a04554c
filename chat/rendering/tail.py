"""The open block as a page shows it meanwhile: provisional, safe, and cheap to keep up with.

A short block is rendered again with every change. A long one grows: pieces of it settle, each is
rendered once, and only the tip behind them is rendered again. So a change costs about as much in a
long block as in a short one. What a page shows between two pieces may be off (an emphasis cut in
two shows its asterisks) until the block closes and is rendered as a whole.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Final, NamedTuple

from chat.rendering import code, markdown
from chat.rendering.references import References
from chat.rendering.splitter import Splitter

LONGEST_WHOLE = 1_500  # characters of a block that is still rendered as one
LONGEST_TIP = 600  # characters of a tip before a piece of it settles


class _Keep(Enum):
    KEEP = auto()


KEEP: Final = _Keep.KEEP


@dataclass(frozen=True, slots=True)
class Replace:
    """The tail's whole inner HTML, in place of what it held."""

    html: str


@dataclass(frozen=True, slots=True)
class Append:
    """HTML for the end of the tail's `[data-grow]` element.

    `tip`, unless it is None, is the new inner HTML of the tail's `[data-tip]` element.
    """

    html: str
    tip: str | None


TailChange = _Keep | Replace | Append


class TailPosition(NamedTuple):
    """What of a tail a page holds: which whole one, how many pieces, which tip."""

    epoch: int
    pieces: int
    tip: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """HTML around the settled pieces, and around the tip behind them."""

    head: str
    middle: str
    foot: str
    has_tip: bool = True


_PARAGRAPH = _Frame("<p><span data-grow>", "</span><span data-tip>", "</span></p>\n")
_RAW = _Frame('<p class="raw"><span data-grow>', "</span><span data-tip>", "</span></p>\n")
_BLOCKS = _Frame("<div data-grow>", "</div><div data-tip>", "</div>\n")

# A line's beginning that may still become anything is not shown: "-" would flash as a heading.
_UNDECIDED = re.compile(r" {0,3}(?:[-=+*#>|_]{1,8}|`{1,8}|~{1,8}|\d{1,3}[.)]?)[ \t]{0,4}")
_HEAD_OF_TABLE = re.compile(r"\s*(\S[^\n]*\|[^\n]*\n[ \t:|-]*-[ \t:|-]*\n)")
_ROWS = re.compile(r"<tbody>\n(.*?)</tbody>", re.DOTALL)
_ITEM = re.compile(r"\n(?= ?(?:[-+*]|\d{1,9}[.)])[ \t])")
_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})[^\n]*", re.MULTILINE)


class Tail:
    """What stands open at the end of a document."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._position = TailPosition(0, 0, 0)
        self._growth: _Growth | None = None
        self._whole = ""
        self._shown = ""
        self._held = ""
        self._is_mid_line = False

    @property
    def position(self) -> TailPosition:
        return self._position

    def clear(self) -> None:
        """The open block has closed; what follows is another."""
        if self._growth or self._whole:
            self._position = TailPosition(self._position.epoch + 1, 0, 0)
        self._growth = None
        self._whole = self._shown = self._held = ""
        self._is_mid_line = False

    def add(self, text: str, splitter: Splitter) -> None:
        """Show more of the open block; `splitter` knows what kind of block it is."""
        visible = self._without_undecided(text)
        if self._growth:
            self._grow(visible)
        elif splitter.is_in_fence:
            self._open_code(visible)
        else:
            self._render(visible, splitter)

    def since(self, seen: TailPosition) -> TailChange:
        """What a page needs that holds `seen`."""
        if seen == self._position:
            return KEEP
        if self._growth and seen.epoch == self._position.epoch:
            return Append("".join(self._growth.pieces[seen.pieces :]), self._growth.visible_tip)
        return Replace(self._growth.html if self._growth else self._whole)

    def _without_undecided(self, text: str) -> str:
        text = self._held + text
        start = text.rfind("\n") + 1
        is_line = start > 0 or not self._is_mid_line
        is_undecided = is_line and _UNDECIDED.fullmatch(text, start) is not None
        visible, self._held = (text[:start], text[start:]) if is_undecided else (text, "")
        if visible:
            self._is_mid_line = not visible.endswith("\n")
        return visible

    def _grow(self, text: str) -> None:
        growth = self._growth
        if growth and text:
            growth.add(text)
            epoch, _, tip = self._position
            self._position = TailPosition(epoch, len(growth.pieces), tip + 1)

    def _open_code(self, text: str) -> None:
        opening, _, content = (self._shown + text).lstrip().partition("\n")
        before, after = code.frame(_language(opening), " data-grow")
        self._begin(_Growth(_Frame(before, "", after + "\n", has_tip=False), code.plain), content)

    def _render(self, text: str, splitter: Splitter) -> None:
        self._shown += text
        if len(self._shown) > LONGEST_WHOLE:
            self._begin(self._growth_of(self._shown, splitter), self._shown)
            return
        html = self._rendered(self._shown)
        if html != self._whole:
            self._whole = html
            self._position = TailPosition(self._position.epoch + 1, 0, 0)

    def _begin(self, growth: "_Growth", text: str) -> None:
        self._shown = self._whole = ""
        self._growth = growth
        growth.add(text)
        self._position = TailPosition(self._position.epoch + 1, len(growth.pieces), 0)

    def _rendered(self, source: str) -> str:
        return markdown.render(self._references.completing(source), is_settled=False)

    # ── how each kind of block grows ───────────────────────────────────────────────────────────

    def _growth_of(self, text: str, splitter: Splitter) -> "_Growth":
        if splitter.is_in_raw_html:
            return _Growth(_RAW, markdown.text)
        if not splitter.is_in_leaf or "\n\n" in text.strip():
            return _GrowthOfBlocks(_BLOCKS, self._rendered)
        return self._growth_of_table(text) or _Growth(_PARAGRAPH, self._inline)

    def _growth_of_table(self, text: str) -> "_Growth | None":
        table = _HEAD_OF_TABLE.match(text, endpos=LONGEST_TIP)
        if not table:
            return None
        head, mark, foot = self._rendered(table[1]).partition("</table>")
        if not mark:
            return None
        frame = _Frame(
            f"{head}<tbody data-grow>", "</tbody><tbody data-tip>", f"</tbody>{mark}{foot}"
        )
        return _Growth(frame, partial(self._rows, table[1]), skipped=table.end())

    def _rows(self, header: str, rows: str) -> str:
        found = _ROWS.search(self._rendered(header + rows))
        return found[1] if found else ""

    def _inline(self, source: str) -> str:
        html = self._rendered(source)
        is_one_paragraph = html.startswith("<p>") and html.find("</p>") == len(html) - 5
        if not is_one_paragraph:
            return markdown.text(source)
        start = source[: len(source) - len(source.lstrip())]
        end = source[len(source.rstrip()) :]
        return start + html[3:-5] + end


class _Growth:
    """A block in pieces: those which have settled, and the tip that is still written."""

    def __init__(self, frame: _Frame, render: Callable[[str], str], skipped: int = 0) -> None:
        self.pieces: list[str] = []
        self.tip = ""
        self._frame = frame
        self._render = render
        self._skipped = skipped  # characters at the beginning which the frame already shows
        self._unsettled = ""

    @property
    def html(self) -> str:
        return "".join(
            (self._frame.head, *self.pieces, self._frame.middle, self.tip, self._frame.foot)
        )

    @property
    def visible_tip(self) -> str | None:
        return self.tip if self._frame.has_tip else None

    def add(self, text: str) -> None:
        text, self._skipped = text[self._skipped :], 0
        if not self._frame.has_tip:
            self.pieces.append(self._render(text))
            return
        self._unsettled += text
        if len(self._unsettled) > LONGEST_TIP:
            end = self._end_of_piece(self._unsettled)
            self.pieces.append(self._rendered_piece(self._unsettled[:end]))
            self._unsettled = self._unsettled[end:]
        self.tip = self._rendered_tip(self._unsettled)

    def _end_of_piece(self, text: str) -> int:
        """The last line if there is one, else the last word; at worst everything settles."""
        return (text.rfind("\n") + 1) or (text.rfind(" ") + 1) or len(text)

    def _rendered_piece(self, text: str) -> str:
        return self._render(text)

    def _rendered_tip(self, text: str) -> str:
        return self._render(text) if text else ""


class _GrowthOfBlocks(_Growth):
    """Lists, quotations and whatever holds blocks: cut before an item or after a blank line.

    A fence that a cut falls into is opened again behind it.
    """

    _fence = ""

    def _end_of_piece(self, text: str) -> int:
        item = max((match.end() for match in _ITEM.finditer(text)), default=0)
        paragraph = text.rfind("\n\n") + 2 if "\n\n" in text else 0
        return item or paragraph or super()._end_of_piece(text)

    def _rendered_piece(self, text: str) -> str:
        html = self._render(self._fence + text)
        self._fence = _fence_left_open(self._fence, text)
        return html

    def _rendered_tip(self, text: str) -> str:
        return self._render(self._fence + text) if text else ""


def _fence_left_open(fence: str, text: str) -> str:
    for line in _FENCE.finditer(text):
        if not fence:
            fence = line.group().lstrip(" \t>") + "\n"
        elif line[1].startswith(fence[:3]):
            fence = ""
    return fence


def _language(opening: str) -> str:
    words = opening.strip().lstrip("`~").split(maxsplit=1)
    return words[0] if words else ""
