"""The options of the model switcher: `{% options shelf %}`."""

from __future__ import annotations

from typing import Any, Final

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from admin_models.switcher import Choice, Shelf

register = template.Library()

# Not a template: there can be thousands of them.
_OPTION: Final = '<option value="{}"{}><span class="name">{}</span>{}</option>'
_DETAIL: Final = ' <span class="{}"><span class="sign">·</span> {}</span>'
_ATTRIBUTES: Final = {
    # is it chosen, is it ready; a disabled one is not sent, so that its model stays chosen
    (False, True): "",
    (True, True): mark_safe(" selected"),
    (False, False): mark_safe(" disabled"),
    (True, False): mark_safe(" selected disabled"),
}


@register.simple_tag(takes_context=True)
def options(context: dict[str, Any], shelf: Shelf) -> SafeString:
    """The models of a shelf, that of the context's `chosen` selected; where the context's
    `switcher` offers a name twice, the shelf is named too."""
    chosen: Choice | None = context["chosen"]
    pk = chosen.model.pk if chosen else None
    shared_names = context["switcher"].shared_names
    return mark_safe(  # noqa: S308  # pieces that were escaped one by one
        "".join(
            _option(choice, shelf.label if str(choice.model) in shared_names else "", pk)
            for choice in shelf.choices
        )
    )


def _option(choice: Choice, place: str, chosen: int | None) -> SafeString:
    details = (("place", place), ("facts", choice.facts), ("reason", choice.reason))
    return format_html(
        _OPTION,
        choice.model.pk,
        _ATTRIBUTES[choice.model.pk == chosen, choice.is_ready],
        choice.model,
        format_html_join("", _DETAIL, (detail for detail in details if detail[1])),
    )
