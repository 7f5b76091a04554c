"""What a page shows to whom: `{% if user|is_operator %}`."""

from __future__ import annotations

from django import template

from admin_models import roles

register = template.Library()
register.filter("is_operator", roles.is_operator)
