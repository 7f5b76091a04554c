"""The steps before serving, each by itself."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from chatsite import preparation
from chatsite.management.commands import up

EVERYWHERE = "0.0.0.0"  # noqa: S104 - a word of the command line


@pytest.mark.parametrize(
    ("host", "name"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), (EVERYWHERE, "127.0.0.1")]
)
def test_an_address_is_announced_as_a_browser_here_would_write_it(host, name):
    with preparation.bound_socket(host, 0) as listener:
        assert up._url(listener) == f"http://{name}:{listener.getsockname()[1]}/"


def test_an_address_is_taken_before_anybody_listens():
    with preparation.bound_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CommandError, match=f"port {port}: .*in use"):
            preparation.bound_socket("127.0.0.1", port)


def test_a_socket_that_cannot_be_bound_is_closed():
    with pytest.raises(CommandError, match="Cannot serve on"):
        preparation.bound_socket("192.0.2.1", 0)
