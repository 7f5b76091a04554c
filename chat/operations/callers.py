"""Where an HTTP request comes from, as far as that can be believed.

A proxy hides the address of who asks behind its own. What it writes into `X-Forwarded-For` counts
only for the proxies of `CHATSITE_TRUSTED_PROXIES`: anybody else may write anything there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_of(request: HttpRequest) -> Address | None:
    """Who asked, or the first proxy on the way that is not ours; None if there is no address."""
    asked = _peer(request)
    hops = _hops(request)
    while hops and _is_proxy(asked):
        asked = _address(hops.pop())
    return asked


def is_from_proxy(request: HttpRequest) -> bool:
    """Whether one of our proxies handed the request in, so that what it adds can be believed."""
    return _is_proxy(_peer(request))


def is_among(request: HttpRequest, allowed: Sequence[str]) -> bool:
    """Whether who asked has one of the addresses `allowed` (addresses or networks).

    Not for what a proxy that is none of ours passed on: however near that is, anybody may have
    asked it.
    """
    peer = _peer(request)
    if _hops(request) and not _is_proxy(peer):
        return False
    return _is_in(address_of(request), allowed)


def is_on_this_machine(request: HttpRequest) -> bool:
    """Whether who asked runs on this very machine."""
    return is_among(request, ("127.0.0.0/8", "::1"))


def _is_proxy(address: Address | None) -> bool:
    return _is_in(address, settings.TRUSTED_PROXIES)


def _is_in(address: Address | None, written: Sequence[str]) -> bool:
    return address is not None and any(address in each for each in _networks(tuple(written)))


@cache
def _networks(written: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(each, strict=False) for each in written)


def _peer(request: HttpRequest) -> Address | None:
    return _address(request.META.get("REMOTE_ADDR", ""))


def _hops(request: HttpRequest) -> list[str]:
    """The addresses that proxies wrote down, the nearest last."""
    written = request.headers.get("X-Forwarded-For", "").split(",")
    return [hop.strip() for hop in written if hop.strip()]


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
