"""TC3-HMAC-SHA256 as a service checks it (Tencent Cloud API 3.0, signature method v3).

Written from the vendor's description, not from the client under test, so that the two can
disagree. The control plane has time and token in headers of their own; the gateway of the data
plane has them appended to the Authorization value (`, Timestamp=…[, Token=…]`).
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

SERVICE: Final = "tcb"
TOLERANCE: Final = 300
"""Seconds by which a timestamp may differ from the service's clock."""

_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<secret_id>[^/\s]+)/(?P<date>[\d-]+)/(?P<service>\w+)"
    r"/tc3_request, ?SignedHeaders=(?P<names>[\w;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
    r"(?:, ?Timestamp=(?P<timestamp>\d+))?(?:, ?Token=(?P<token>\S+))?"
)


@dataclass(frozen=True, slots=True)
class SecretKey:
    """The secret half of a key pair; `token` belongs to temporary ones."""

    key: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it arrived; the names in `headers` are in small letters."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class SignatureRefused(Exception):
    """The request is not from whom it says; `code` is the vendor's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def signed_headers(authorization: str) -> list[str]:
    """The names of the headers a signature covers, in its order; none if it is no signature."""
    said = _AUTHORIZATION.fullmatch(authorization)
    return said["names"].split(";") if said else []


def check(sent: Sent, keys: Mapping[str, SecretKey], now: float) -> str:
    """Return the secret id that signed; raise SignatureRefused.

    `now` is the service's clock, in Unix seconds.
    """
    said = _AUTHORIZATION.fullmatch(sent.headers.get("authorization", ""))
    if said is None or not {"content-type", "host"} <= set(said["names"].split(";")):
        raise SignatureRefused("AuthFailure.SignatureFailure", "the signature is malformed")
    secret = keys.get(said["secret_id"])
    if secret is None:
        raise SignatureRefused("AuthFailure.SecretIdNotFound", "the SecretId is not found")
    _check_time(_timestamp(sent, said), said, now)
    if (said["token"] or sent.headers.get("x-tc-token", "")) != secret.token:
        raise SignatureRefused("AuthFailure.TokenFailure", "the token is not valid")
    if not any(hmac.compare_digest(said["signature"], one) for one in _legal(sent, said, secret)):
        raise SignatureRefused("AuthFailure.SignatureFailure", "the signature does not match")
    return said["secret_id"]


def _timestamp(sent: Sent, said: re.Match[str]) -> str:
    return said["timestamp"] or sent.headers.get("x-tc-timestamp", "")


def _check_time(timestamp: str, said: re.Match[str], now: float) -> None:
    if not timestamp.isdigit() or abs(int(timestamp) - now) > TOLERANCE:
        raise SignatureRefused("AuthFailure.SignatureExpire", "the signature has expired")
    day = datetime.fromtimestamp(int(timestamp), UTC).strftime("%Y-%m-%d")
    if (said["date"], said["service"]) != (day, SERVICE):
        raise SignatureRefused("AuthFailure.SignatureFailure", "the credential scope is wrong")


def _legal(sent: Sent, said: re.Match[str], secret: SecretKey) -> Iterator[str]:
    """The signatures that count: some clients sign the host with its port, some without."""
    host = sent.headers.get("host", "")
    for spelling in dict.fromkeys((host, host.rpartition(":")[0] or host)):
        canonical = _canonical(sent, said["names"], spelling)
        yield _signature(canonical, _timestamp(sent, said), said["date"], secret.key)


def _canonical(sent: Sent, names: str, host: str) -> str:
    headers = {**sent.headers, "host": host}
    lines = [f"{name}:{headers.get(name, '').strip().lower()}\n" for name in names.split(";")]
    payload = hashlib.sha256(sent.body).hexdigest()
    return "\n".join([sent.method, sent.path, sent.query, "".join(lines), names, payload])


def _signature(canonical: str, timestamp: str, date: str, secret_key: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{date}/{SERVICE}/tc3_request\n{digest}"
    key = b"TC3" + secret_key.encode()
    for part in (date, SERVICE, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, to_sign.encode(), "sha256").hexdigest()
