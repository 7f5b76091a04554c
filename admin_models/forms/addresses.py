"""Addresses that a person types and this server will call."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from admin_models import connections
from chat.cloudbase import addresses
from chat.cloudbase.errors import RequestError


def validate_outgoing(url: str) -> None:
    """Refuse an address that we do not call: no plain http(s) address, or not public and not
    listed in CHATSITE_PRIVATE_HOSTS. Asks no name server; a name that leads to such an address is
    refused when it is called.

    Raises `django.core.exceptions.ValidationError`.
    """
    try:
        addresses.check(url, connections.allowed_addresses())
    except RequestError as error:
        sentence = gettext(error.user_message) % error.params
        raise ValidationError(sentence, code=error.code) from error


class AddressesForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """A form of an environment's own addresses; empty ones are the vendor's."""

    def clean_base_url(self) -> str:
        """Where the gateway is."""
        return self._outgoing("base_url")

    def clean_control_url(self) -> str:
        """Where the management is."""
        return self._outgoing("control_url")

    def _outgoing(self, name: str) -> str:
        url: str = self.cleaned_data[name]
        if url:
            validate_outgoing(url)
        return url
