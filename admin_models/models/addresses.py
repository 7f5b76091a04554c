"""What an address is, wherever one is stored."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from chat.cloudbase import addresses, errors


def validate_address(url: str) -> None:
    """Refuse what the client would not take for an address; hosts without a dot are fine, as
    containers have such names. Raises `django.core.exceptions.ValidationError`.
    """
    try:
        addresses.target_of(url)
    except errors.IllegalBaseUrl as mistake:
        raise ValidationError(gettext(mistake.user_message), code=mistake.code) from mistake
