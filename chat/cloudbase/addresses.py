"""Which addresses may be called: public ones, and what an operator lists. Asks no name server.

Where a name leads is known only when the connection is made, so `network` asks here once more, with
the addresses that are about to be connected to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, Self
from urllib.parse import urlsplit

import yarl

from chat.cloudbase import errors

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC: Final = tuple(
    (ip_network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a provider's customers"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's own service"),
        ("169.254.0.0/16", "link-local, metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "of protocols"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "of name servers"),
        ("192.52.193.0/24", "of tunnels"),
        ("192.88.99.0/24", "of tunnels"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "of name servers"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("2001::/23", "of protocols and tunnels"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "of tunnels"),
        ("2620:4f:8000::/48", "of name servers"),
        ("3ffe::/16", "reserved"),
        ("3fff::/20", "documentation"),
        ("fe80::/10", "link-local"),
        ("fc00::/7", "private"),
        ("ff00::/8", "multicast"),
    )
)
"""IANA's registries of special-purpose addresses, IPv4 and IPv6 (RFC 6890), and Azure's virtual
address, which looks public (Azure, "What is IP address 168.63.129.16")."""
_PUBLIC_6: Final = IPv6Network("2000::/3")
"""All that is given out as global unicast (IANA, IPv6 address space)."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""Leads to the IPv4 address in its last 32 bits (RFC 6052)."""
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""The first half of an interface id whose second half is an IPv4 address (RFC 5214)."""

_LOOPBACK: Final = (ip_address("127.0.0.1"), ip_address("::1"))
_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """What an address names: a host as aiohttp reads it (ASCII, small letters, no brackets, no
    trailing dots), and a port."""

    host: str
    port: int

    @classmethod
    def of(cls, host: str, port: int) -> Self:
        """A host as it stands in an address."""
        return cls(host.lower().rstrip("."), port)

    def __str__(self) -> str:
        """As an operator would list it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def addresses(self) -> tuple[Address, ...]:
        """Where it leads, as far as that can be said without a name server.

        Raises IllegalBaseUrl for what looks like a number and is no address.
        """
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return _LOOPBACK  # RFC 6761
        try:
            written = _written(self.host)
        except ValueError:
            raise errors.IllegalBaseUrl from None
        return (written,) if written else ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be called besides public addresses; a port of None is any port."""

    names: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[tuple[Network, int | None], ...] = ()

    def has_name(self, target: Target) -> bool:
        """Whether the host is listed by its name, wherever it leads."""
        return bool({(target.host, None), (target.host, target.port)} & self.names)

    def has_address(self, address: Address, port: int) -> bool:
        """Whether the address, or a network that it is in, is listed."""
        return any(address in network and of in (None, port) for network, of in self.networks)


def allowing(entries: Iterable[str]) -> Allowed:
    """What a list allows: hosts, addresses (IPv6 in brackets where a port follows) and networks,
    each but the last with or without `:port`. Raises ValueError with the entry that is none.
    """
    names, networks = set(), []
    for entry in filter(None, map(str.strip, entries)):
        try:
            host, port = _entry(entry)
        except (ValueError, errors.IllegalBaseUrl):
            raise ValueError(f'"{entry}" is no host, host:port, address or network.') from None
        if isinstance(host, str):
            names.add((host, port))
        else:
            networks.append((host, port))
    return Allowed(frozenset(names), tuple(networks))


def target_of(url: str) -> Target:
    """What `url` names; raises IllegalBaseUrl unless it is a plain http or https address, which
    every library reads alike: without user name, query, fragment, blanks and escapes in the host.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, standard = yarl.URL(url).raw_host or "", _PORTS[parts.scheme]
        port = standard if parts.port is None else parts.port
    except (ValueError, KeyError):  # UnicodeError is a ValueError
        raise errors.IllegalBaseUrl from None
    is_plain = url.isprintable() and not set(url) & set(" \\?#") and "@" not in parts.netloc
    if not (is_plain and port and _is_host(host, parts.netloc)):
        raise errors.IllegalBaseUrl
    target = Target.of(host, port)
    target.addresses()  # a number that is no address raises
    return target


def check(url: str, allowed: Allowed) -> None:
    """Refuse an address that surely leads where we do not call.

    A name may still lead there; that shows when it is called. Raises AddressForbidden or
    IllegalBaseUrl.
    """
    check_target(target_of(url), allowed)


def check_target(target: Target, allowed: Allowed) -> None:
    """As `check`, for a host and port."""
    leads_to = target.addresses()
    if leads_to and not any(may_connect(target, each, allowed) for each in leads_to):
        raise forbidden(target, leads_to[0])


def may_connect(target: Target, address: Address, allowed: Allowed) -> bool:
    """Whether `target` may be reached at `address`, to which it leads."""
    plain = _plain(address)
    return (
        not why_not_public(plain)
        or allowed.has_name(target)
        or allowed.has_address(plain, target.port)
    )


def forbidden(target: Target, address: Address) -> errors.AddressForbidden:
    """The error for a target that leads to `address`."""
    why = why_not_public(_plain(address))
    return errors.AddressForbidden(f"{address}: {why}", host=target.host, entry=str(target))


def why_not_public(address: Address) -> str:
    """What kind of address it is if it is not public, else ""."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        return why_not_public(IPv4Address(int(address) & 0xFFFFFFFF))
    for network, why in _NOT_PUBLIC:
        if address in network:
            return why
    if isinstance(address, IPv6Address):
        return _why_not_public_6(address)
    return ""


def _why_not_public_6(address: IPv6Address) -> str:
    if address.is_loopback:
        return "loopback"
    if address not in _PUBLIC_6:
        return "reserved"
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return why_not_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return ""


def _plain(address: Address) -> Address:
    """An IPv4 address that is written as an IPv6 one (`::ffff:…`), as IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_host(host: str, netloc: str) -> bool:
    """Whether a host is a name or an address; brackets hold nothing but IPv6 without a zone."""
    if "[" in netloc or ":" in host:
        return ":" in host and "%" not in host
    return bool(_NAME.fullmatch(host.lower().rstrip(".")))


def _written(host: str) -> Address | None:
    """The address that `host` writes, None if it is a name. Raises ValueError.

    Like browsers (WHATWG, URL) and the C library's `inet_aton`: what ends in a number is an IPv4
    address, of one to four parts, each decimal, octal (0…) or hexadecimal (0x…).
    """
    if ":" in host:
        return ip_address(host)
    parts = host.split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    *leading, last = (_number(part) for part in parts)
    if len(leading) > 3 or any(part > 255 for part in leading) or last >= 256 ** (4 - len(leading)):
        raise ValueError(host)
    return IPv4Address(sum(part << 8 * (3 - at) for at, part in enumerate(leading)) + last)


def _number(part: str) -> int:
    if not _NUMBER.fullmatch(part):
        raise ValueError(part)
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)


def _entry(entry: str) -> tuple[str | Network, int | None]:
    if "/" in entry:
        return ip_network(entry, strict=False), None
    if entry.count(":") > 1 and not entry.startswith("["):
        return ip_network(entry), None
    target = target_of(f"http://{entry}")
    has_port = not entry.endswith("]") and ":" in entry.rpartition("]")[2]
    written = _written(target.host)
    host = ip_network(_plain(written)) if written else target.host
    return host, target.port if has_port else None
