"""Who guesses passwords is held up, counted in the same cache as everything else."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_tried():
    cache.clear()
    yield
    cache.clear()


def try_it(name: str, password: str, address: str = "127.0.0.1", host: str = "localhost"):
    """Sign in through the proxy on this machine."""
    form = {"login": name, "password": password}
    headers = {"X-Forwarded-For": address, "Host": host}
    return Client().post(reverse("account_login"), form, headers=headers)


def test_after_five_failures_not_even_the_right_password_lets_in(alice):
    for _ in range(5):
        assert "Too many" not in try_it("alice", "wrong").text
    response = try_it("alice", "correct horse")
    assert response.status_code == 200
    assert "Too many failed login attempts" in response.text


def test_a_name_is_the_same_whatever_the_request_calls_this_host(alice):
    for number in range(5):
        assert "Too many" not in try_it("alice", "wrong", host=f"localhost:{number}").text
    assert "Too many failed" in try_it("Alice", "correct horse", host="127.0.0.1:8000").text


def test_behind_a_proxy_of_ours_whoever_asked_is_counted(alice, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    for number in range(10):
        try_it(f"nobody-{number}", "wrong", "192.0.2.1")
    assert "Too many" in try_it("alice", "correct horse", "192.0.2.1").text
    assert try_it("alice", "correct horse", "192.0.2.2").status_code == 302


def test_who_only_ever_asks_gets_a_page_that_says_so(alice):
    codes = [try_it("", "").status_code for _ in range(31)]
    assert codes[-1] == 429
    assert "This was tried too often" in try_it("", "").text
