"""Both planes of an environment called with plain HTTP, the signature made here."""

import hashlib
import hmac
import json
import time
from typing import Any

import httpx

from tests.fakes.environment import CloudBaseEnvironment
from tests.fakes.environment_state import API_KEY, SECRET_ID, SECRET_KEY

QUESTION = {
    "model": "deepseek-v4-flash",
    "messages": [{"role": "user", "content": "hi"}],
    "stream": False,
}


def client(environment: CloudBaseEnvironment) -> httpx.AsyncClient:
    """A client that shows the environment's API key."""
    headers = {"authorization": f"Bearer {API_KEY}"}
    return httpx.AsyncClient(base_url=environment.gateway_url, headers=headers)


async def chat(
    http: httpx.AsyncClient, group: str = "cloudbase", path: str = "chat/completions", **changes
) -> httpx.Response:
    """Ask a group."""
    return await http.post(f"/v1/ai/{group}/{path}", json=QUESTION | changes)


async def call(
    environment: CloudBaseEnvironment, action: str, params: object = None, **changes
) -> Any:
    """Call an action; return what is in `Response`. `changes` are those of `action_headers`."""
    body = json.dumps(params or {}).encode()
    headers = action_headers(environment.control_url, action, body, **changes)
    async with httpx.AsyncClient() as http:
        answer = await http.post(environment.control_url, content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()["Response"]


async def refused(
    environment: CloudBaseEnvironment, action: str, params: object = None, **changes
) -> str:
    """Call an action; return the code it is refused with."""
    answer = await call(environment, action, params, **changes)
    return str(answer["Error"]["Code"])


def signature(host: str, body: bytes, timestamp: int, *, path: str = "/") -> str:
    """TC3-HMAC-SHA256, the value of Authorization."""
    day = time.strftime("%Y-%m-%d", time.gmtime(timestamp))
    digest = hashlib.sha256(body).hexdigest()
    headers = f"content-type:application/json\nhost:{host}\n"
    canonical = f"POST\n{path}\n\n{headers}\ncontent-type;host\n{digest}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"TC3{SECRET_KEY}".encode()
    for part in (day, "tcb", "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{day}/tcb/tc3_request\n{hashed}"
    made = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return (
        f"TC3-HMAC-SHA256 Credential={SECRET_ID}/{day}/tcb/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={made}"
    )


def action_headers(
    url: str, action: str, body: bytes, *, with_port: bool = True, skew: int = 0, **others: str
) -> dict[str, str]:
    """The headers of a call; the host signed with or without its port, the clock off by `skew`."""
    timestamp = int(time.time()) + skew
    host = url.removeprefix("http://") if with_port else "127.0.0.1"
    return {
        "Content-Type": "application/json",
        "X-TC-Action": action,
        "X-TC-Version": "2018-06-08",
        "X-TC-Timestamp": str(timestamp),
        "X-TC-Region": "ap-shanghai",
        "Authorization": signature(host, body, timestamp),
        **others,
    }
