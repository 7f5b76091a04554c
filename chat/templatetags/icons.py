"""Small drawings in the text: `{% icon "copy" %}`."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

PATHS = {
    "menu": "M4 7h16M4 12h16M4 17h10",
    "close": "M6 6l12 12M18 6L6 18",
    "plus": "M12 5v14M5 12h14",
    "send": "M12 19V5M6 11l6-6 6 6",
    "stop": "M8 8h8v8H8z",
    "down": "M12 5v14M6 13l6 6 6-6",
    "chevron": "M7 10l5 5 5-5",
    "copy": "M9 9h10v11H9zM5 15V4h10",
    "again": "M19 12a7 7 0 1 1-2-5M19 4v4h-4",
    "person": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20c1-4 4-5 7-5s6 1 7 5",
    "arrow": "M15 6l-6 6 6 6",
    "info": "M12 11v6M12 7.5v.5M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
    "away": "M9 5h10v10M19 5L6 18",
    "swap": "M4 9h14l-4-4M20 15H6l4 4",
    "scissors": "M4 12h3M10.5 12h3M17 12h3M12 4v3M12 17v3",
    # one for each state of a check
    "ok": "M5 13l4 4L19 7",
    "not_ok": "M7 7l10 10M17 7L7 17",
    "unknown": "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17.5v.5",
    "skipped": "M7 12h10",
    "waiting": "M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
    # one for each stage of an error
    "preflight": "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12h6",
    "request": "M5 19l1-4L16 5l3 3L9 18zM13 8l3 3",
    "call": "M5 5h14v11h-8l-4 4v-4H5zM12 8v3M12 13.5v.5",
    "quota": "M5 18a9 9 0 1 1 14 0M12 14l4-5",
    "transport": "M9 3v4M15 3v4M6 7h12v4a6 6 0 0 1-12 0zM12 17v4",
    "ours": "M12 4l9 16H3zM12 10v5M12 17.5v.5",
}
"""Strokes on a grid of 24 by 24."""


@register.simple_tag
def icon(name: str) -> SafeString:
    """The drawing `name`, as large as the text and in its colour; nothing for screen readers."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>', PATHS[name]
    )
