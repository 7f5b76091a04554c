"""What was found by trying a connection: values, and the findings that every trial has."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from admin_models.preflight.checks import State
from chat.cloudbase import errors
from chat.cloudbase.errors import CloudBaseError, _

NAME: Final = _("Name (DNS)")
CONNECTION: Final = _("Connection (TLS)")
KEY: Final = _("API key")

_NOT_CONNECTED: Final = (
    errors.AddressForbidden,
    errors.IllegalBaseUrl,
    errors.ProviderNotTrusted,
    errors.ProviderUnreachable,
)
_ADVICE: Final[Mapping[str, str]] = {
    "address_forbidden": _("Use a public address, or ask whoever runs this installation."),
    "connection_refused": _("Check host and port, and whether the service is running."),
    "provider_not_trusted": _("Check the address, and whether a proxy stands in between."),
    "provider_unreachable": _("Check the address, and whether a firewall lets this server out."),
    "provider_timed_out": _("Try again; if it stays so, check firewall and proxy."),
    "key_refused": _("Make a new API key in the console and copy all of it."),
    "key_expired": _("Make a new API key in the console."),
    "secret_pair_refused": _("Copy the secret id and the secret key of one pair again."),
    "clock_skewed": _("Set the clock of this server."),
    "control_not_authorized": _("Let the account read CloudBase (tcb), or use another pair."),
    "environment_not_found": _("Check the environment id, the region and the account."),
    "environment_suspended": _("Settle what the environment owes, in the console."),
    "wrong_address": _("Check the environment id and the gateway address."),
    "control_plane_spoke_garbage": _("Check the management address."),
}
"""What to do about an error, by its code."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried. Sentences are English, marked for the translators."""

    title: str
    state: State
    sentence: str
    params: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""
    saw: str = ""
    """In the service's own words and names; nothing in it is secret."""
    request_id: str | None = None
    is_blocking: bool = True
    """Whether a state other than ok or skipped stands in the way."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What was found out of one address."""

    title: str
    host: str
    findings: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing stands in the way."""
        passed = (State.OK, State.SKIPPED)
        return all(found.state in passed or not found.is_blocking for found in self.findings)


def host_of(url: str) -> str:
    """The host and port that are shown of an address."""
    return urlsplit(url).netloc


async def looked_up(url: str, advice: str) -> Finding:
    """Ask the name service for the host of a legal `url`; `advice` is for a name it lacks."""
    parts = urlsplit(url)
    shown = {"host": host_of(url)}
    try:
        async with asyncio.timeout(settings.PREFLIGHT_TIMEOUT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                parts.hostname, parts.port or 443, type=socket.SOCK_STREAM
            )
    except (OSError, TimeoutError, UnicodeError):
        sentence = _("There is no server of the name %(host)s.")
        return Finding(NAME, State.NOT_OK, sentence, shown, advice=advice)
    saw = ", ".join(dict.fromkeys(str(address[0]) for *_rest, address in found))
    return Finding(NAME, State.OK, _("%(host)s was found."), shown, saw=saw)


def connected(url: str, error: CloudBaseError | None) -> Finding:
    """Whether there was a connection, as what came of a call tells; None if it went well."""
    if isinstance(error, errors.ProviderTimedOut):
        return refused(CONNECTION, error, State.UNKNOWN)
    if isinstance(error, _NOT_CONNECTED):
        return refused(CONNECTION, error)
    if urlsplit(url).scheme == "http":
        sentence = _("The server answers, but the address is plain http: keys travel unencrypted.")
        return Finding(CONNECTION, State.SKIPPED, sentence)
    return Finding(CONNECTION, State.OK, _("The connection is encrypted and the server proven."))


def refused(
    title: str, error: CloudBaseError | None, state: State = State.NOT_OK, *, advice: str = ""
) -> Finding:
    """It failed, in the words of the error; without one it was not tried.

    Without `advice` it says what is usually to be done about such an error.
    """
    if error is None:
        return not_tried(title)
    return Finding(
        title,
        state,
        error.user_message,
        error.params,
        advice=advice or _ADVICE.get(error.code, ""),
        saw=error.detail or error.code,
        request_id=error.request_id,
    )


def not_tried(title: str) -> Finding:
    """It was left out."""
    return Finding(title, State.UNKNOWN, _("Not tried: something before it does not work."))
