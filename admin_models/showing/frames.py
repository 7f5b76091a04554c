"""Changes of a page, as htmx takes them from a socket. They carry no htmx attributes."""

from __future__ import annotations


def partial(target: str, swap: str, html: str) -> str:
    """One change: `html` is swapped at the element with id `target`."""
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'
