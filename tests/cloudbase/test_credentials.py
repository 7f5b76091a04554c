import pytest

from chat.cloudbase import credentials, errors
from chat.cloudbase.credentials import Bearer
from chat.cloudbase.signing import GatewaySignature, SecretPair

PAIR = SecretPair("AKID1", "secret-1")


def test_a_key_is_shown_as_a_bearer_of_it():
    assert Bearer("key-1").headers("GET", "http://h", b"") == {"authorization": "Bearer key-1"}
    assert Bearer("").headers("GET", "http://h", b"") == {}
    assert "key-1" not in repr(Bearer("key-1"))


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ({"api_key": " key-1\n"}, Bearer("key-1")),
        ({"access_token": "token-1"}, Bearer("token-1")),
        ({"pair": PAIR}, GatewaySignature(PAIR)),
        ({"api_key": "key-1", "pair": PAIR}, Bearer("key-1")),
        ({"api_key": "", "pair": PAIR}, GatewaySignature(PAIR)),
    ],
)
def test_the_data_plane_gets_one_credential(given, chosen):
    none = {"api_key": None, "access_token": None, "pair": None}
    assert credentials.for_gateway(**none | given) == chosen


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, errors.KeyMissing),
        ({"api_key": " "}, errors.KeyMissing),
        ({"api_key": "key-1", "access_token": "token-1"}, errors.KeysContradict),
        ({"access_token": "a b"}, errors.KeyMalformed),
    ],
)
def test_none_or_two_for_the_data_plane_are_refused(given, kind):
    none = {"api_key": None, "access_token": None, "pair": None}
    with pytest.raises(kind):
        credentials.for_gateway(**none | given)


@pytest.mark.parametrize(
    ("given", "pair"),
    [
        (("", "", ""), None),
        ((None, None, None), None),
        (("AKID1", " secret-1 ", None), PAIR),
        (("AKID1", "secret-1", "sts-1"), SecretPair("AKID1", "secret-1", "sts-1")),
    ],
)
def test_a_secret_pair_is_whole_or_not_there(given, pair):
    assert credentials.secret_pair(**named(given)) == pair


@pytest.mark.parametrize(
    "given", [("AKID1", None, None), (None, "secret-1", None), (None, None, "sts-1")]
)
def test_half_a_secret_pair_is_refused(given):
    with pytest.raises(errors.SecretPairIncomplete):
        credentials.secret_pair(**named(given))


def named(given):
    return dict(zip(("secret_id", "secret_key", "token"), given, strict=True))
