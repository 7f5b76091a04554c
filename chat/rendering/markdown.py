"""Markdown → safe HTML. Nothing a model wrote gets past this file as anything but text.

Three stages: comrak renders and escapes raw HTML; nh3 lets an allow-list through; then our own
pieces (code figures, formulas, image placeholders) take the place of what comrak left for them.
"""

import re
from functools import cache
from html import escape, unescape
from urllib.parse import urlsplit

import comrak
import nh3

from chat.rendering import code, math

DEEPEST_QUOTE = 100
WIDEST_TABLE = 200
MOST_FORMULAS = 500

_TAGS = {
    *("p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
    *("a", "img", "input", "span"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "th": {"align"},
    "td": {"align"},
    "pre": {"lang"},
    "span": {"data-math-style"},
    "input": {"type", "checked", "disabled"},
}


def render(source: str, *, is_settled: bool = True) -> str:
    """Safe, well-formed HTML; "" for markdown that shows nothing.

    `source` is text as a document keeps it: lines end in one way, every character can be stored.
    What is not settled yet is rendered again soon: its code stays without colours.
    """
    if _is_too_deep(source):
        return _raw_lines(text(source))
    return _ours(cleaned(parsed(source)), is_settled=is_settled)


def text(source: str) -> str:
    """Safe HTML that shows markdown as it was written."""
    return _without_reordering(escape(source, quote=False))


def definitions(source: str, labels: list[str]) -> dict[str, str]:
    """For each label which `source` defines as a link: a definition that stands alone."""
    probes = "".join(f"\n\n***\n\n[{label}]" for label in labels)
    answers = parsed(source + probes).split("<hr />\n")[-len(labels) :]
    if len(answers) < len(labels):  # the source ends inside of something that nothing closed
        return {}
    found = zip(labels, map(_LINK_ALONE.match, answers), strict=True)
    return {label: _definition(label, link) for label, link in found if link}


_LINK_ALONE = re.compile(r'<p><a href="([^"]*)"(?: title="([^"]*)")?>')
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def _definition(label: str, link: re.Match[str]) -> str:
    address = unescape(link[1]).replace("<", "%3C").replace(">", "%3E")
    title = _PUNCTUATION.sub(r"\\\1", unescape(link[2] or "")).replace("\n", "&#10;")
    return f"[{label}]: <{address}>" + (f' "{title}"' if title else "")


# ── comrak ─────────────────────────────────────────────────────────────────────────────────────


def parsed(source: str) -> str:
    """What comrak makes of markdown: raw HTML is escaped, addresses are whatever they were."""
    extensions = _extensions(
        has_tables=not _is_blown_up_by_tables(source),
        has_latex=source.count("\\(") + source.count("\\[") <= MOST_FORMULAS,
    )
    whole_lines = source if source.endswith("\n") else source + "\n"
    html: str = comrak.render_markdown(whole_lines, extensions, _PARSING, _RENDERING)
    return html


@cache
def _extensions(*, has_tables: bool, has_latex: bool) -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.autolink = options.strikethrough = options.tasklist = True
    options.cjk_friendly_emphasis = options.math_dollars = True
    options.table = has_tables
    options.math_latex = has_latex
    return options


_PARSING = comrak.ParseOptions()
_RENDERING = comrak.RenderOptions()
_RENDERING.escape = _RENDERING.github_pre_lang = True

_MORE_CELLS = re.compile(r"(?:\|[ \t]*+:?-++:?[ \t]*+){11,}+")


def _is_blown_up_by_tables(source: str) -> bool:
    """Rows are filled up to the header's width: a wide header over short rows makes megabytes."""
    if source.count("|") < 10:
        return False
    widest = max((row.group().count("|") for row in _MORE_CELLS.finditer(source)), default=0)
    return widest > WIDEST_TABLE or widest * source.count("\n") > len(source)


_BEFORE_CONTENT = re.compile(r"^[-+*>0-9.) \t]+", re.MULTILINE)


def _is_too_deep(source: str) -> bool:
    """What is nested deeper than a browser will follow also costs the square of its depth."""
    return source.count(">") > DEEPEST_QUOTE and any(
        margin.group().count(">") > DEEPEST_QUOTE for margin in _BEFORE_CONTENT.finditer(source)
    )


# ── nh3 ────────────────────────────────────────────────────────────────────────────────────────


def cleaned(html: str) -> str:
    """What the allow-list lets through of comrak's HTML, spelled as nh3 spells it."""
    if _HARMLESS.fullmatch(html):
        return _as_serialised(html)
    return CLEANER.clean(html)


CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)

# Text and these very tags, nothing else: there is nothing to sanitise in such HTML (most of what
# models write), and nh3 would only change its spelling.
_HARMLESS = re.compile(
    r"(?:[^<]++"
    r"|</?(?:p|em|strong|del|code|ul|ol|li|blockquote|pre|h[1-6]|t(?:able|head|body|r|h|d))>"
    r'|<[bh]r />|<ol start="[0-9]+">|<t[hd] align="(?:left|center|right)">'
    r'|<pre lang="[A-Za-z0-9_+#.-]+">|</?span>|<span data-math-style="[a-z]+">'
    r'|<input type="checkbox"(?: checked="")? disabled="" />)*+'
)


def _as_serialised(html: str) -> str:
    return html.replace("&quot;", '"').replace("\xa0", "&nbsp;").replace(" />", ">")


# ── ours ───────────────────────────────────────────────────────────────────────────────────────

# nh3 writes attributes in one way, and never a double quote inside a value.
_ATTRS = r'((?: [a-z-]+="[^"]*")*)'
_CODE = re.compile(r'<pre(?: lang="([^"]*)")?><code>([^<]*)</code></pre>')
_MATH = re.compile(r'<span data-math-style="(inline|display)">([^<]*)</span>')
_LINK = re.compile(rf"<a{_ATTRS}>(.*?)</a>", re.DOTALL)
# "http:logout" is a page of this very site to a browser.
_ELSEWHERE = re.compile(r' href="(?:https?://|mailto:)', re.IGNORECASE)
_IMAGE = re.compile(rf"<img{_ATTRS}>")
_TASK = re.compile(rf"<input{_ATTRS}>")
_HEADING = re.compile(r"<(/?)h([1-6])>")
_RAW = re.compile(r"^ {0,3}&lt;", re.MULTILINE)
_TAG = re.compile(rf"<(/?)([a-z0-9]+){_ATTRS}>")
_REORDERING = tuple("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _ours(html: str, *, is_settled: bool) -> str:
    html = _with_raw_lines(html)
    if "<span" in html:
        html = _MATH.sub(_formula, html)
    if "<a " in html:
        html = _LINK.sub(_link, html)
    if "<img" in html:
        html = _IMAGE.sub(_remote_image, html)
    if "<input" in html:
        html = _TASK.sub(_task, html)
    if "<table" in html:
        html = html.replace("<table>", '<div class="table-scroll" tabindex="0"><table>')
        html = html.replace("</table>", "</table></div>")
    if "<h" in html:
        html = _HEADING.sub(_lower_heading, html)
    if "<pre" in html:
        html = _CODE.sub(_settled_code if is_settled else _open_code, html)
    return _without_reordering(html)


def _with_raw_lines(html: str) -> str:
    """Raw HTML arrives as text outside of any element: each of its lines gets one."""
    if "&lt;" not in html or not _RAW.search(html):
        return html
    pieces, depth, end = [], 0, 0
    for tag in _TAG.finditer(html):
        between = html[end : tag.start()]
        pieces += [between if depth else _raw_lines(between), tag.group()]
        if tag[2] not in {"br", "hr", "img", "input"}:
            depth += -1 if tag[1] else 1
        end = tag.end()
    return "".join(pieces) + _raw_lines(html[end:])


def _raw_lines(lines: str) -> str:
    return "\n".join(
        f'<p class="raw">{line}</p>' if line.strip() else line for line in lines.split("\n")
    )


def _settled_code(block: re.Match[str]) -> str:
    return _code(block, is_settled=True)


def _open_code(block: re.Match[str]) -> str:
    return _code(block, is_settled=False)


def _code(block: re.Match[str], *, is_settled: bool) -> str:
    language, source = unescape(block[1] or ""), unescape(block[2])
    if language == "math":
        return f"<p>{math.mathml(source, is_display=True)}</p>"
    return code.figure(source, language, is_highlighted=is_settled)


def _formula(span: re.Match[str]) -> str:
    return math.mathml(unescape(span[2]), is_display=span[1] == "display")


def _link(link: re.Match[str]) -> str:
    attributes, content = link[1], _IMAGE.sub(_alternative, link[2])
    return f"<a{attributes}>{content}</a>" if _ELSEWHERE.search(attributes) else content


def _alternative(image: re.Match[str]) -> str:
    return _text_of(_values(image[1]).get("alt", ""))


def _remote_image(image: re.Match[str]) -> str:
    """A remote image never loads by itself: it is a link that says where it leads."""
    values = _values(image[1])
    address, alternative = values.get("src", ""), _text_of(values.get("alt", ""))
    host = _host(address)
    if not host:
        return alternative
    return (
        f'<a class="remote-image" href="{escape(address)}" target="_blank"'
        f' rel="noopener noreferrer nofollow">{alternative} <span>{escape(host)}</span></a>'
    )


def _values(attributes: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in _VALUE.findall(attributes)}


_VALUE = re.compile(r' ([a-z-]+)="([^"]*)"')


def _text_of(value: str) -> str:
    return escape(value, quote=False)


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        return (parts.hostname or "") if parts.scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def _task(box: re.Match[str]) -> str:
    is_done = ' checked="' in box[1]
    return '<span class="task done">☑</span>' if is_done else '<span class="task">☐</span>'


def _lower_heading(tag: re.Match[str]) -> str:
    """The page has the first level, the conversation's parts the second."""
    return f"<{tag[1]}h{min(6, int(tag[2]) + 2)}>"


def _without_reordering(html: str) -> str:
    """Takes out the characters that would let an answer reorder what stands beside it."""
    if html.isascii():
        return html
    for mark in _REORDERING:
        if mark in html:
            html = html.replace(mark, "")
    return html
