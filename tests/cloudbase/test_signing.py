"""Our signature beside that of the vendor's own code, for the same request."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import quote

import httpx
import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential

from chat.cloudbase import network
from chat.cloudbase.signing import ControlPlaneSignature, GatewaySignature, SecretPair
from chat.cloudbase.transport import Call

PAIR = SecretPair("AKIDEXAMPLE00000000", "secretEXAMPLE00000000")
TEMPORARY = SecretPair(PAIR.secret_id, PAIR.secret_key, token="sts-1")
BODY = b'{"EnvId": "env-demo"}'
TIME = 1760000000

VENDOR = CommonClient("tcb", "2018-06-08", Credential(PAIR.secret_id, PAIR.secret_key), "")


def vendor_signature(method, path, query, host, body, time):
    request = SimpleNamespace(
        method=method,
        uri=path,
        data=query if method == "GET" else body,
        header={"Content-Type": "application/json", "Host": host},
    )
    request.header["X-TC-Timestamp"] = str(time)
    date = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")
    return VENDOR._get_tc3_signature({}, request, date, "tcb", PAIR.secret_key)


def signature_in(headers):
    return re.search(r"Signature=(\w+)", headers["authorization"])[1]


@pytest.mark.parametrize(
    ("url", "host", "signature"),
    [
        (
            "https://tcb.tencentcloudapi.com",
            "tcb.tencentcloudapi.com",
            "3a09569c8e0459ad84a3624e5497052f2f27cc6c6160fe5ee001fca038c04601",
        ),
        (
            "https://TCB.tencentcloudapi.com:443/",
            "tcb.tencentcloudapi.com",
            "3a09569c8e0459ad84a3624e5497052f2f27cc6c6160fe5ee001fca038c04601",
        ),
        (
            "http://127.0.0.1:18090",
            "127.0.0.1:18090",
            "3fae4edb365dde1c665a950222c1b2dd4fca1f1da240c0bca977e9ec186beee6",
        ),
    ],
)
def test_a_known_request_has_its_known_signature(url, host, signature):
    assert ControlPlaneSignature(PAIR, lambda: TIME).headers("POST", url, BODY) == {
        "content-type": "application/json",
        "host": host,
        "authorization": (
            "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE00000000/2025-10-09/tcb/tc3_request, "
            f"SignedHeaders=content-type;host, Signature={signature}"
        ),
        "x-tc-timestamp": "1760000000",
    }


hosts = st.from_regex(
    r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]{2,8})?(:[1-9][0-9]{3})?", fullmatch=True
)
times = st.integers(min_value=0, max_value=4_000_000_000)


@given(host=hosts, body=st.binary(max_size=200), time=times)
def test_the_control_plane_sees_the_signature_of_the_vendors_client(host, body, time):
    headers = ControlPlaneSignature(PAIR, lambda: time).headers("POST", f"http://{host}", body)
    assert signature_in(headers) == vendor_signature("POST", "/", "", host, body, time)
    assert (headers["host"], headers["x-tc-timestamp"]) == (host, str(time))


@given(
    host=hosts,
    path=st.from_regex(r"(/[A-Za-z0-9_-]{1,9}){1,4}", fullmatch=True),
    query=st.from_regex(r"([a-z]{1,5}=[A-Za-z0-9%20+]{0,5}(&[a-z]=[0-9])?)?", fullmatch=True),
    time=times,
)
def test_the_gateway_sees_the_same_over_the_path_and_query_asked_for(host, path, query, time):
    url = f"http://{host}{path}?{query}" if query else f"http://{host}{path}"
    headers = GatewaySignature(PAIR, lambda: time).headers("GET", url, b"")
    assert signature_in(headers) == vendor_signature("GET", path, query, host, b"", time)
    assert headers["authorization"].endswith(f", Timestamp={time}")


@given(path=st.text(max_size=12), value=st.text(max_size=12))
def test_what_is_signed_is_what_aiohttp_writes(path, value):
    url = Call(query={"q": value}).url(f"http://h/v1/{quote(path, safe='')}")
    signed = httpx.URL(network.as_written(url))
    written = yarl.URL(str(signed))  # what httpx hands over is parsed once more
    assert signed.raw_path.decode() == written.raw_path_qs
    assert written.query["q"] == value


def test_the_day_of_a_signature_is_the_day_in_greenwich():
    just_before_midnight = 1760054399.9
    signed = ControlPlaneSignature(PAIR, lambda: just_before_midnight)
    headers = signed.headers("POST", "http://h", b"")
    assert "/2025-10-09/" in headers["authorization"]
    assert headers["x-tc-timestamp"] == "1760054399"


def test_a_temporary_token_goes_along_where_each_plane_looks_for_it():
    control = ControlPlaneSignature(TEMPORARY, lambda: TIME).headers("POST", "http://h", BODY)
    gateway = GatewaySignature(TEMPORARY, lambda: TIME).headers("POST", "http://h/v1", BODY)
    assert control["x-tc-token"] == "sts-1"
    assert gateway["authorization"].endswith(f", Timestamp={TIME}, Token=sts-1")


def test_whatever_signs_shows_nothing_and_names_its_secrets():
    for credential in (ControlPlaneSignature(TEMPORARY), GatewaySignature(TEMPORARY)):
        assert credential.secrets == (PAIR.secret_id, PAIR.secret_key, "sts-1")
        assert not [secret for secret in credential.secrets if secret in repr(credential)]
    assert "AKID" not in repr(TEMPORARY)
