"""The rows of the readiness board: `{% rows lines may_change %}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from admin_models.showing.board import Line

register = template.Library()

# Not a template: a board can have thousands of them.
_ROW: Final = (
    '<tr><th scope="row">{}</th>{}<td class="result" data-state="{}"><b>{}</b>{}</td></tr>'
)
_LINK: Final = '<a href="{}">{}</a>'
_REASON: Final = "<small>{}</small>"


@register.simple_tag
def rows(lines: Sequence[Line], may_change: bool) -> SafeString:  # as templates call
    """A row for each model of a group, leading to its preflight for who may change something."""
    return mark_safe("".join(_row(line, is_link=may_change) for line in lines))  # noqa: S308


def _row(line: Line, *, is_link: bool) -> SafeString:
    name = format_html(_LINK, line.url, line.name) if is_link else line.name
    reason = format_html(_REASON, line.reason) if line.reason else ""
    return format_html(_ROW, name, line.cells, line.state, line.state_label, reason)
