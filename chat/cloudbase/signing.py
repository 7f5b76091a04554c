"""Signature TC3-HMAC-SHA256: how a secret key signs a request without being sent.

Sources: Tencent Cloud, signature method v3; tencentcloud-sdk-python-common, whose signatures ours
equal (`tests/cloudbase/test_signing.py`).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

import httpx

from chat.cloudbase.clocks import Clock

CONTENT_TYPE: Final = "application/json"
"""Exactly this, because it is signed."""

_ALGORITHM: Final = "TC3-HMAC-SHA256"
_SERVICE: Final = "tcb"
_SIGNED_HEADERS: Final = "content-type;host"


@dataclass(frozen=True, slots=True, repr=False)
class SecretPair:
    """A secret id and its key (Tencent Cloud CAM); `token` only with temporary credentials."""

    secret_id: str
    secret_key: str
    token: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in an error."""
        return tuple(filter(None, (self.secret_id, self.secret_key, self.token)))


@dataclass(frozen=True, slots=True)
class ControlPlaneSignature:
    """The credential of the control plane (`tcb`, version 2018-06-08)."""

    pair: SecretPair = field(repr=False)
    clock: Clock = time.time

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret pair."""
        return self.pair.secrets

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The signature, and the time it was made at in a header of its own."""
        timestamp = int(self.clock())
        signed = _Request.of(method, url, body)
        token = {"x-tc-token": self.pair.token} if self.pair.token else {}
        return {
            **signed.headers,
            "authorization": _authorization(self.pair, signed, timestamp),
            "x-tc-timestamp": str(timestamp),
            **token,
        }


@dataclass(frozen=True, slots=True)
class GatewaySignature:
    """The credential of the data plane for whoever has a secret pair and no key.

    The same signature over the path and query really asked for, service `tcb`, with its time and
    the temporary token behind it in `Authorization`. Sources: CloudBase HTTP API, "Using Tencent
    Cloud Signature V3 Authentication", says just that; @cloudbase/node-sdk 3.18.3 does it for
    `/v1/ai` (there over all of its headers, and a time one second in the past). Never tried
    against the real gateway.
    """

    pair: SecretPair = field(repr=False)
    clock: Clock = time.time

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret pair."""
        return self.pair.secrets

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The signature; a request without a body has a content type too, as it is signed."""
        timestamp = int(self.clock())
        signed = _Request.of(method, url, body)
        value = f"{_authorization(self.pair, signed, timestamp)}, Timestamp={timestamp}"
        if self.pair.token:
            value += f", Token={self.pair.token}"
        return {**signed.headers, "authorization": value}


class _Request(NamedTuple):
    """What of a request is signed."""

    method: str
    path: str
    query: str
    host: str
    body: bytes

    @classmethod
    def of(cls, method: str, url: str, body: bytes) -> _Request:
        """Take a request apart as httpx will write it."""
        address = httpx.URL(url)
        path, _, query = address.raw_path.decode("ascii").partition("?")
        return cls(method, path, query, address.netloc.decode("ascii"), body)

    @property
    def headers(self) -> dict[str, str]:
        """The signed headers; `host` too, so that nobody on the way writes it differently."""
        return {"content-type": CONTENT_TYPE, "host": self.host}

    def canonical(self) -> str:
        """The request in the form that both ends hash."""
        headers = f"content-type:{CONTENT_TYPE}\nhost:{self.host}\n"
        return "\n".join(
            (self.method, self.path, self.query, headers, _SIGNED_HEADERS, _digest(self.body))
        )


def _authorization(pair: SecretPair, request: _Request, timestamp: int) -> str:
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{_SERVICE}/tc3_request"
    to_sign = "\n".join((_ALGORITHM, str(timestamp), scope, _digest(request.canonical().encode())))
    key = b"TC3" + pair.secret_key.encode()
    for part in (date, _SERVICE, "tc3_request"):
        key = _hmac(key, part)
    return (
        f"{_ALGORITHM} Credential={pair.secret_id}/{scope}, "
        f"SignedHeaders={_SIGNED_HEADERS}, Signature={_hmac(key, to_sign).hex()}"
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
