"""Rates count for who asked, and not for the proxy that everybody comes through."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from chatsite.accounts import Adapter

PROXIES = ["127.0.0.1", "10.0.0.0/8"]


def asked(peer: str, passed_on: str | None = None) -> str:
    headers = {"x-forwarded-for": passed_on} if passed_on is not None else {}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)
    return Adapter(request).get_client_ip(request)


@pytest.mark.parametrize(
    ("peer", "passed_on", "who"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.1.2.3", "203.0.113.9"),
        # Whatever somebody writes, it is not taken for another's address.
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1,203.0.113.9 , 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", " , ", "127.0.0.1"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_who_asked_is_whom_our_own_proxies_name(settings, peer, passed_on, who):
    settings.TRUSTED_PROXIES = PROXIES
    assert asked(peer, passed_on) == who


def test_without_proxies_of_ours_nothing_that_is_passed_on_counts(settings):
    settings.TRUSTED_PROXIES = []
    assert asked("127.0.0.1", "203.0.113.9") == "127.0.0.1"


@pytest.mark.parametrize(("peer", "passed_on"), [("", None), ("127.0.0.1", "nonsense")])
def test_somebody_without_an_address_is_refused_where_rates_count(settings, peer, passed_on):
    settings.TRUSTED_PROXIES = PROXIES
    with pytest.raises(PermissionDenied):
        asked(peer, passed_on)
