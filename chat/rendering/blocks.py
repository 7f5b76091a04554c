"""Markdown that grows, as blocks of HTML: each rendered once, when no later text can change it.

What a page holds after the last change is what `render` gives for the whole text.
"""

from dataclasses import dataclass
from typing import NamedTuple

from chat.rendering import markdown
from chat.rendering.references import References
from chat.rendering.splitter import Cut, Splitter
from chat.rendering.tail import KEEP, Append, Replace, Tail, TailChange, TailPosition

__all__ = ["KEEP", "START", "Append", "Change", "Document", "Position", "Replace", "render"]


class Position(NamedTuple):
    """What of a document a page holds. Plain numbers: it may travel between processes."""

    blocks: int
    epoch: int
    pieces: int
    tip: int


START = Position(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """What a page lacks: HTML to append to its blocks, and what happens to its tail."""

    appended: str
    tail: TailChange


class Document:
    """Markdown that grows at its end, and the HTML of it.

    Feeding costs nothing; text is rendered when a reader asks, once for all readers.
    """

    def __init__(self) -> None:
        self._text: list[str] = []
        self._unread: list[str] = []
        self._splitter = Splitter()
        self._references = References()
        self._blocks: list[str] = []
        self._lines: list[str] = []  # of the open block, whole ones
        self._line: list[str] = []  # the line that has not ended
        self._news: list[str] = []  # of the open block, what its tail does not show
        self._tail = Tail(self._references)
        self._ends_in_return = False
        self._is_finished = False
        self._changes: dict[Position, Change] = {}
        self._changes_lead_to = START

    @property
    def text(self) -> str:
        """The whole markdown so far; line endings are "\\n", and no character is unstorable."""
        self._text = ["".join(self._text)]
        return self._text[0]

    def feed(self, text: str) -> None:
        """Add text at the end. A finished document takes none: ValueError."""
        if self._is_finished:
            raise ValueError("The document is finished.")
        text = self._with_plain_line_endings(_storable(text))
        if text:
            self._text.append(text)
            self._unread.append(text)

    def finish(self) -> None:
        """Nothing follows: whatever is open closes."""
        self._is_finished = True

    def change_since(self, position: Position) -> tuple[Change, Position]:
        """What a page at `position` lacks, and where it then is."""
        self._catch_up()
        here = Position(len(self._blocks), *self._tail.position)
        if here != self._changes_lead_to:
            self._changes.clear()
            self._changes_lead_to = here
        if position not in self._changes:
            self._changes[position] = self._between(position)
        return self._changes[position], here

    def _between(self, position: Position) -> Change:
        appended = "".join(self._blocks[position.blocks :])
        return Change(appended, self._tail.since(TailPosition(*position[1:])))

    def _with_plain_line_endings(self, text: str) -> str:
        """The two halves of one line ending may come in two pieces."""
        if not text:
            return text
        if self._ends_in_return:
            text = text.removeprefix("\n")
        self._ends_in_return = text.endswith("\r")
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    def _catch_up(self) -> None:
        """Read and render what was fed since somebody last asked."""
        if self._unread:
            *ended, rest = "".join(self._unread).split("\n")
            self._unread.clear()
            for segment in ended:
                self._read(segment)
            if rest:
                self._line.append(rest)
                self._news.append(rest)
        if self._is_finished:
            self._end()
        if self._news:
            self._tail.add("".join(self._news), self._splitter)
            self._news.clear()

    def _read(self, segment: str) -> None:
        """Take in the end of a line; the beginning may have been shown before."""
        self._line.append(segment)
        line = "".join(self._line)
        self._line.clear()
        cut = self._splitter.read(line)
        if Cut.BEFORE in cut:
            self._close()
        self._news.append((line if Cut.BEFORE in cut else segment) + "\n")
        self._lines.append(line + "\n")
        if Cut.AFTER in cut:
            self._close()

    def _close(self) -> None:
        source = "".join(self._lines)
        html = markdown.render(self._references.completing(source))
        if html:
            self._blocks.append(html)
        self._references.learn(source)
        self._lines.clear()
        self._news.clear()
        self._tail.clear()

    def _end(self) -> None:
        if self._line:
            self._read("")
        if self._lines:
            self._close()


def render(text: str) -> str:
    """The settled HTML of a whole text: what a reload shows."""
    document = Document()
    document.feed(text)
    document.finish()
    change, _ = document.change_since(START)
    return change.appended


def _storable(text: str) -> str:
    """Without what a database or a socket refuses: NUL and halves of surrogate pairs."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
