"""A number in an address that no row can have leads nowhere, and breaks nothing."""

from __future__ import annotations

import pytest
from django.urls.converters import IntConverter

from admin_models import row_numbers, site_urls
from admin_models import urls as environment_urls
from admin_models.routing import urlpatterns as environment_sockets
from admin_models.row_numbers import RowNumber
from chat import urls as chat_urls
from chat.routing import urlpatterns as chat_sockets

OURS = (
    *environment_urls.urlpatterns,
    *site_urls.urlpatterns,
    *chat_urls.urlpatterns,
    *environment_sockets,
    *chat_sockets,
)


def test_every_number_in_our_addresses_is_one_of_a_row():
    numbers = [
        (str(place.pattern), converter)
        for place in OURS
        for converter in place.pattern.converters.values()
        if isinstance(converter, IntConverter)
    ]
    assert len(numbers) > 10
    assert [place for place, converter in numbers if not isinstance(converter, RowNumber)] == []


@pytest.mark.parametrize("number", ["9" * 18, "9" * 19, "9" * 40])
def test_a_number_that_no_row_has_is_not_found(client, root, number):
    client.force_login(root)
    for address in (f"/c/{number}/", f"/environments/{number}/", f"/people/{number}/"):
        assert client.get(address).status_code == 404


@pytest.mark.parametrize("text", ["", "-1", "1.0", "٣", "9" * 19, "one"])
def test_what_is_no_number_of_a_row(text):
    assert not row_numbers.is_one(text)
    assert row_numbers.is_one("9" * 18)
