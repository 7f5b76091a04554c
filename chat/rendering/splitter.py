"""Where the top level of a growing markdown text can be cut.

A cut is a promise: what lies before it renders the same whatever follows, and what follows renders
as if it began a text. Lines are judged one by one and once, by what begins a block in CommonMark
and by what may be open. Where that is not certain there is no cut: a block closed too late costs
a little, a block closed too early would be wrong.
"""

import re
from enum import Enum, Flag, auto


class Cut(Flag):
    """Where to cut, as seen from the line just read."""

    NONE = 0
    BEFORE = auto()
    AFTER = auto()


class Open(Enum):
    """What is open at the top level."""

    NOTHING = auto()
    LEAF = auto()  # a paragraph or table; also indented code
    QUOTE = auto()
    LIST = auto()
    FENCE = auto()
    RAW = auto()  # HTML that ends with a mark of its own, not with a blank line
    PERHAPS_FENCE = auto()  # a fence that may belong to a list's item or to the top level
    LOST = auto()  # nobody can say any more: one block, to the end of the text


class Start(Enum):
    """What a line would begin at the top level."""

    BLANK = auto()
    TEXT = auto()
    INDENTED = auto()
    HEADING = auto()
    RULE = auto()
    DASHES = auto()  # a rule, unless there is a paragraph to underline
    FENCE = auto()
    QUOTE = auto()
    ITEM = auto()
    WEAK_ITEM = auto()  # an item, unless there is a paragraph to continue
    RAW = auto()
    ELEMENT = auto()  # HTML up to the next blank line
    TAG = auto()  # the same, unless there is a paragraph to continue


_HEADING = re.compile(r"#{1,6}(?:[ \t]|$)")
_RULE = re.compile(r"(?:\*[ \t]*){3,}$|(?:_[ \t]*){3,}$|(?:-[ \t]*){3,}$")
_DASHES = re.compile(r"-{3,}[ \t]*$")
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_ITEM = re.compile(r"([-+*]|(\d{1,9})([.)]))([ \t]+|$)(.?)")
_ELEMENT = re.compile(
    r"</?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|"
    r"details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|"
    r"head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|"
    r"option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul)"
    r"(?:[ \t\v\f]|/?>|$)",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z].*>[ \t\v\f]*$")
_BARE_TAG = re.compile(r"</?(?!(?:script|pre|style|textarea)>)[a-z][a-z0-9-]*>$", re.IGNORECASE)
_NEVER = re.compile(r"(?!)")
_RAW = (
    (
        re.compile(r"<(?:script|pre|style|textarea)(?:[ \t\v\f>]|$)", re.IGNORECASE),
        re.compile(r"</(?:script|pre|style|textarea)>", re.IGNORECASE),
    ),
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"<\?"), re.compile(r"\?>")),
    (re.compile(r"<!\[CDATA\["), re.compile(r"\]\]>")),
    (re.compile(r"<![A-Za-z]"), re.compile(r">")),
)
_MAY_CONTINUE = {Start.DASHES, Start.TAG, Start.WEAK_ITEM, Start.TEXT}


class Splitter:
    """Reads a text line by line and says where it may be cut."""

    def __init__(self) -> None:
        self._open = Open.NOTHING
        self._is_after_blank = False
        self._is_surely_element = False  # HTML up to the next blank line …
        self._is_perhaps_element = False  # … or a paragraph
        self._margin: int | None = None  # where an item's content begins; None: not known
        self._marker = ""  # what the list's items begin with
        self._is_empty_item = False
        self._end = _NEVER
        self._fence_indent = 0

    @property
    def is_in_fence(self) -> bool:
        """Whether every further line is code, until one closes the fence."""
        return self._open is Open.FENCE

    @property
    def is_in_raw_html(self) -> bool:
        return self._open is Open.RAW or self._is_surely_element

    @property
    def is_in_leaf(self) -> bool:
        return self._open is Open.LEAF and not self.is_in_raw_html

    def read(self, line: str) -> Cut:
        """Take in one whole line, without its line ending."""
        match self._open:
            case Open.LOST:
                return Cut.NONE
            case Open.FENCE | Open.RAW:
                return self._closed() if self._end.search(line) else Cut.NONE
        line = line.expandtabs(4) if "\t" in line else line
        content = line.lstrip(" ")
        indent = len(line) - len(content)
        if self._open is Open.PERHAPS_FENCE:
            return self._read_perhaps_code(line, indent)
        cut = self._read(content, indent, _start(content, indent))
        self._is_after_blank = not content
        return cut

    def _read(self, content: str, indent: int, start: Start) -> Cut:
        if start is Start.BLANK:
            return self._read_blank()
        if self._is_surely_element or self._is_perhaps_element:
            return self._read_element(start)
        if self._open is Open.LIST and indent >= 2:
            margin = self._margin
            if margin is None:
                return self._read_perhaps_in_item(content, indent, start)
            if indent >= margin:
                self._is_empty_item = False
                return Cut.NONE
        return self._read_top_level(content, indent, start)

    # ── what is open ───────────────────────────────────────────────────────────────────────────

    def _begin_afresh(self) -> None:
        self._open, self._end = Open.NOTHING, _NEVER
        self._is_after_blank = False
        self._is_surely_element = self._is_perhaps_element = False
        self._margin, self._marker, self._is_empty_item = None, "", False

    def _closed(self) -> Cut:
        self._begin_afresh()
        return Cut.AFTER

    def _begin(self, kind: Open, end: re.Pattern[str] = _NEVER) -> Cut:
        """A block begins here whatever was open: cut before it."""
        cut = Cut.NONE if self._open is Open.NOTHING else Cut.BEFORE
        self._begin_afresh()
        self._open, self._end = kind, end
        return cut

    def _get_lost(self) -> Cut:
        self._open = Open.LOST
        return Cut.NONE

    @property
    def _is_fresh(self) -> bool:
        """Whether no paragraph can be open for the next line to continue."""
        return self._open is Open.NOTHING or self._is_after_blank

    @property
    def _may_be_in_quote(self) -> bool:
        is_doubtful_list = self._open is Open.LIST and self._margin is None
        return not self._is_after_blank and (self._open is Open.QUOTE or is_doubtful_list)

    # ── one line ───────────────────────────────────────────────────────────────────────────────

    def _read_blank(self) -> Cut:
        self._is_surely_element = self._is_perhaps_element = False
        if self._is_empty_item:  # an item may begin with one blank line, not with two
            self._margin = None
        return Cut.NONE

    def _read_element(self, start: Start) -> Cut:
        if self._is_perhaps_element and start in {Start.FENCE, Start.RAW}:
            return self._get_lost()
        if self._is_perhaps_element and start in {Start.ITEM, Start.WEAK_ITEM}:
            self._open, self._marker, self._margin = Open.LIST, "", None
        return Cut.NONE

    def _read_perhaps_code(self, line: str, indent: int) -> Cut:
        if self._end.search(line) and indent >= self._fence_indent:
            self._open = Open.LIST
            self._is_after_blank = False
        elif line.strip() and indent < self._fence_indent:
            return self._get_lost()
        return Cut.NONE

    def _read_perhaps_in_item(self, content: str, indent: int, start: Start) -> Cut:
        match start:
            case Start.FENCE:
                self._open, self._end, self._fence_indent = (
                    Open.PERHAPS_FENCE,
                    _end_of_fence(content),
                    indent,
                )
            case Start.RAW:
                return self._get_lost()
            case Start.ELEMENT | Start.TAG:
                self._is_perhaps_element = True
        return Cut.NONE

    def _read_top_level(self, content: str, indent: int, start: Start) -> Cut:
        if start in _MAY_CONTINUE and not self._is_fresh:
            return self._read_perhaps_continued(content, indent, start)
        match start:
            case Start.HEADING | Start.RULE | Start.DASHES:
                return self._begin(Open.LEAF) | self._closed()
            case Start.TEXT:
                return self._begin(Open.LEAF)
            case Start.ITEM | Start.WEAK_ITEM:
                return self._read_item(content, indent)
            case Start.QUOTE:
                return Cut.NONE if self._may_be_in_quote else self._begin(Open.QUOTE)
            case Start.FENCE:
                return self._begin(Open.FENCE, _end_of_fence(content))
            case Start.INDENTED:
                return self._read_indented()
        return self._read_html(content, start)

    def _read_indented(self) -> Cut:
        """Indented code may go on after blank lines, so nothing is cut before it."""
        self._margin = None
        if self._open is Open.NOTHING:
            self._open = Open.LEAF
        return Cut.NONE

    def _read_html(self, content: str, start: Start) -> Cut:
        if start is Start.RAW:
            end = next(end for begin, end in _RAW if begin.match(content))
            cut = self._begin(Open.RAW, end)
            return cut | self._closed() if end.search(content) else cut
        cut = self._begin(Open.LEAF)
        self._is_surely_element = start is Start.ELEMENT or _BARE_TAG.match(content) is not None
        self._is_perhaps_element = not self._is_surely_element
        return cut

    def _read_perhaps_continued(self, content: str, indent: int, start: Start) -> Cut:
        """There may be a paragraph open, which this line then continues or underlines."""
        is_in_item = self._open is Open.LIST and self._margin is not None
        match start:
            case Start.DASHES if is_in_item:
                return self._begin(Open.LEAF) | self._closed()
            case Start.WEAK_ITEM if is_in_item:
                return self._read_item(content, indent)
            case Start.WEAK_ITEM:
                self._open, self._marker = Open.LIST, ""
            case Start.TAG:
                self._is_perhaps_element = True
        self._margin = None
        return Cut.NONE

    def _read_item(self, content: str, indent: int) -> Cut:
        marker, margin, is_empty = _item(content)
        is_known_list = self._margin is not None and self._marker != ""
        is_other_list = is_known_list and self._marker != marker
        goes_on = self._open is Open.LIST and not is_other_list
        cut = Cut.NONE if goes_on else self._begin(Open.LIST)
        self._marker, self._margin, self._is_empty_item = marker, indent + margin, is_empty
        return cut


def _start(content: str, indent: int) -> Start:
    if not content:
        return Start.BLANK
    if indent >= 4:
        return Start.INDENTED
    first = content[0]
    if first in "-+*_0123456789":
        return _start_of_item_or_rule(content)
    if first == "<":
        return _start_of_html(content)
    if first == "#" and _HEADING.match(content):
        return Start.HEADING
    if first in "`~" and _FENCE.match(content):
        return Start.FENCE
    return Start.QUOTE if first == ">" else Start.TEXT


def _start_of_item_or_rule(content: str) -> Start:
    if _DASHES.match(content):
        return Start.DASHES
    if _RULE.match(content):
        return Start.RULE
    item = _ITEM.match(content)
    if not item:
        return Start.TEXT
    interrupts = item[5] and (item[2] is None or int(item[2]) == 1)
    return Start.ITEM if interrupts else Start.WEAK_ITEM


def _start_of_html(content: str) -> Start:
    if any(begin.match(content) for begin, _ in _RAW):
        return Start.RAW
    if _ELEMENT.match(content):
        return Start.ELEMENT
    return Start.TAG if _TAG.match(content) else Start.TEXT


def _end_of_fence(content: str) -> re.Pattern[str]:
    mark = content[0]
    length = len(content) - len(content.lstrip(mark))
    return re.compile(rf"^ {{0,3}}{mark}{{{length},}}[ \t]*$")


def _item(content: str) -> tuple[str, int, bool]:
    """An item's marker, the width of marker and space, and whether nothing follows."""
    item = _ITEM.match(content)
    if item is None:
        raise ValueError(content)
    width = item.end(1)
    space = len(item[4])
    if not item[5]:
        return item[3] or item[1], width + 1, True
    return item[3] or item[1], width + (space if space <= 4 else 1), False
