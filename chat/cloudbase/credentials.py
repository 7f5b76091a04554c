"""As whom a request is made: what goes into its headers, and what must stay out of everything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from chat.cloudbase import errors

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


def cleaned(key: str) -> str:
    """Return a key without the white space that pasting adds; raises KeyMalformed."""
    key = key.strip()
    if not _KEY.fullmatch(key):
        raise errors.KeyMalformed
    return key
