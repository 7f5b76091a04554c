"""As whom a request is made: what goes into its headers, and what must stay out of everything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from chat.cloudbase import errors
from chat.cloudbase.signing import GatewaySignature, SecretPair

_KEY = re.compile(r"[!-~]*")


class Credential(Protocol):
    """Whoever may call."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in an error."""

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The headers that show it; made for each try, as a signature holds the time."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """An API key or a user's access token (CloudBase gateway); an empty one is not shown."""

    token: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token, if there is one."""
        return (self.token,) if self.token else ()

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """`Authorization: Bearer …`."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


def for_gateway(
    *, api_key: str | None, access_token: str | None, pair: SecretPair | None
) -> Credential:
    """Return the one credential for the data plane; a key goes before a secret pair.

    Raises KeyMissing, KeysContradict or KeyMalformed.
    """
    if api_key and access_token:
        raise errors.KeysContradict
    key = cleaned(api_key or access_token or "")
    if key:
        return Bearer(key)
    if pair is None:
        raise errors.KeyMissing
    return GatewaySignature(pair)


def secret_pair(
    *, secret_id: str | None, secret_key: str | None, token: str | None
) -> SecretPair | None:
    """Return the secret pair if one was given; raises SecretPairIncomplete or KeyMalformed."""
    if not (secret_id or secret_key or token):
        return None
    if not (secret_id and secret_key):
        raise errors.SecretPairIncomplete
    return SecretPair(cleaned(secret_id), cleaned(secret_key), cleaned(token or ""))


def cleaned(key: str) -> str:
    """Return a key without the white space that pasting adds; raises KeyMalformed."""
    key = key.strip()
    if not is_key(key):
        raise errors.KeyMalformed
    return key


def is_key(text: str) -> bool:
    """Whether this may be a key: visible ASCII, as it has to stand in a header."""
    return bool(_KEY.fullmatch(text))
