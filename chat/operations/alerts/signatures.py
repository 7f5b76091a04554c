"""Shows the receiver of a webhook that it is ours, and when it was sent."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

HEADER: Final = "X-Chatsite-Signature"


@dataclass(frozen=True, slots=True)
class Signing:
    """As whom a webhook is posted (`chat.cloudbase.credentials.Credential`); without a secret
    nothing is signed. `more` are headers that are no secret."""

    secret: str = field(repr=False)
    more: Mapping[str, str]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in an error."""
        return (self.secret,) if self.secret else ()

    def headers(self, _method: str, _url: str, body: bytes) -> Mapping[str, str]:
        """The headers of a request that is sent now."""
        if not self.secret:
            return self.more
        return {**self.more, HEADER: signature(self.secret, body, int(time.time()))}


def signature(secret: str, body: bytes, at: int) -> str:
    """The header's value for a body sent at `at` (Unix seconds): `t=<at>,v1=<hex>`, the latter
    HMAC-SHA256 over `<at>.<body>`. Who receives it refuses what is old, so that nobody repeats it.
    """
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"
