"""What INSTALLED_APPS names in place of `django.contrib.admin`."""

from __future__ import annotations

from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    """Django's admin with our site."""

    default_site = "chatsite.admin_site.AdminSite"
