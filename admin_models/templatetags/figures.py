"""Numbers in templates: `{{ tokens|grouped }}`."""

from __future__ import annotations

from django import template

from admin_models.showing import figures

register = template.Library()
register.filter("grouped", figures.grouped)
