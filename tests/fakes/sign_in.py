"""The sign-in calls that give a user's access token (CloudBase auth HTTP API)."""

import json
import secrets
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from tests.fakes.environment import CloudBaseEnvironment


class SignIn:
    """Hands out access tokens, which the data plane then accepts."""

    def __init__(self, environment: "CloudBaseEnvironment") -> None:
        self._environment = environment

    def routes(self) -> list[web.RouteDef]:
        """The calls of the vendor's JavaScript SDK; it sends JSON as text/plain."""
        return [
            web.post("/auth/v1/signin/anonymously", self._anonymously),
            web.post("/auth/v1/signin", self._with_password),
            web.post("/auth/v1/token", self._refresh),
            web.post("/auth/v1/token/clientCredential", self._anonymously),
            web.get("/auth/v1/user/me", self._me),
        ]

    async def _anonymously(self, _: web.Request) -> web.Response:
        return self._token("anonymous")

    async def _with_password(self, request: web.Request) -> web.Response:
        body = await _body(request)
        name = body.get("username", "")
        if self._environment.state.passwords.get(name) != body.get("password", ""):
            return _refused(400, "invalid_grant", "the user name or the password is wrong")
        return self._token(name)

    async def _refresh(self, request: web.Request) -> web.Response:
        body = await _body(request)
        _, _, name = body.get("refresh_token", "").partition("refresh-")
        return self._token(name) if name else _refused(400, "invalid_grant", "no such token")

    async def _me(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self._environment.state.access_tokens:
            return _refused(401, "unauthenticated", "the access token is not valid")
        name = token.split(".")[1]
        return web.json_response({"sub": name, "name": name})

    def _token(self, name: str) -> web.Response:
        access_token = f"eyJmYWtl.{name}.{secrets.token_hex(8)}"
        self._environment.state.access_tokens.add(access_token)
        return web.json_response(
            {
                "token_type": "Bearer",
                "access_token": access_token,
                "refresh_token": f"refresh-{name}",
                "expires_in": 7200,
                "sub": name,
            }
        )


async def _body(request: web.Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(await request.read() or b"{}")
    return body


def _refused(status: int, error: str, description: str) -> web.Response:
    body = {"error": error, "error_code": status, "error_description": description}
    return web.json_response(body, status=status)
