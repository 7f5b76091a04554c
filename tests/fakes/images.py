"""Image generation: both Hunyuan paths, the rules of their inputs, and pictures that load.

Sources: CloudBase HTTP API, image generation; the types of the vendor's Node SDK.
"""

import base64
import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tests.fakes.gateway import Refusal, check_model

if TYPE_CHECKING:
    from tests.fakes.environment import CloudBaseEnvironment

LEGACY: Final = "hunyuan-image"
V3_CHOSEN_SIZE: Final = "hunyuan-image-v3.0-v1.0.4"
V3_LISTED_SIZE: Final = "hunyuan-image-v3.0-v1.0.1"

_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
_ONLY_LEGACY = ("n", "version", "style", "negative_prompt")


class Images:
    """The image models of an environment; `revised` is what becomes of every prompt."""

    def __init__(self, environment: "CloudBaseEnvironment") -> None:
        self._environment = environment
        self.revised = "A small white paper boat floating on a calm pond at dusk"
        self._drawn = 0

    def routes(self) -> list[web.RouteDef]:
        """Where the clients post, and where the pictures are."""
        return [
            web.post("/v1/ai/{group}/images/generations", self._draw_legacy),
            web.post("/v1/ai/{group}/images/ar/generations", self._draw_v3),
            web.get("/pictures/{name}", self._picture),
        ]

    async def _draw_legacy(self, request: web.Request) -> web.Response:
        body = await self._admitted(request)
        check_legacy(body)
        return self._drawn_answer(body, is_revised=body.get("revise", True))

    async def _draw_v3(self, request: web.Request) -> web.Response:
        body = await self._admitted(request)
        check_v3(body)
        return self._drawn_answer(body, is_revised=body.get("revise", {"value": True})["value"])

    async def _admitted(self, request: web.Request) -> Mapping[str, Any]:
        body: Mapping[str, Any] = json.loads(await request.read())
        environment = self._environment
        check_model(request.match_info["group"], body, environment.state, environment.quirks)
        return body

    def _drawn_answer(self, body: Mapping[str, Any], *, is_revised: bool) -> web.Response:
        self._drawn += 1
        created = int(time.time())
        picture = {
            "url": f"{self._environment.gateway_url}/pictures/{self._drawn}.png",
            "revised_prompt": self.revised if is_revised else body["prompt"],
        }
        return web.json_response(
            {
                "id": f"img-{self._drawn:02}",
                "created": str(created) if self._environment.quirks.times_are_text else created,
                "data": [picture],
            }
        )

    async def _picture(self, _: web.Request) -> web.Response:
        return web.Response(body=_PIXEL, content_type="image/png")


def check_legacy(body: Mapping[str, Any]) -> None:
    """Refuse what `hunyuan-image` does not take."""
    _require(body.get("model") == LEGACY, "model")
    _check_common(body)
    _check_sides(body, least=768, most=1280)
    is_v1_9 = body.get("version", "v1.8.1") == "v1.9"
    _require(is_v1_9 or not {"style", "negative_prompt"} & body.keys(), "style")
    _require(body.get("n", 1) == 1, "n")
    _require(isinstance(body.get("revise", True), bool), "revise")
    _require("enable_thinking" not in body, "enable_thinking")


def check_v3(body: Mapping[str, Any]) -> None:
    """Refuse what the v3.0 models do not take."""
    _require(body.get("model") in (V3_CHOSEN_SIZE, V3_LISTED_SIZE), "model")
    _check_common(body)
    _require(len(body["prompt"]) <= 8192, "prompt")
    for name in _ONLY_LEGACY:
        _require(name not in body, name)
    for name in ("revise", "enable_thinking"):
        _require(_is_switch(body.get(name, {"value": True})), name)
    if body["model"] == V3_CHOSEN_SIZE:
        width, height = _check_sides(body, least=512, most=2048)
        _require(width * height <= 1024 * 1024, "size")


def _check_common(body: Mapping[str, Any]) -> None:
    prompt = body.get("prompt")
    _require(isinstance(prompt, str) and bool(prompt.strip()), "prompt")
    _require(bool(re.fullmatch(r"\d+x\d+", body.get("size", "1024x1024"))), "size")
    _require(len(body.get("footnote", "")) <= 16, "footnote")
    seed = body.get("seed", 1)
    _require(type(seed) is int and 1 <= seed <= 4294967295, "seed")


def _check_sides(body: Mapping[str, Any], *, least: int, most: int) -> tuple[int, int]:
    width, height = map(int, body.get("size", "1024x1024").split("x"))
    _require(least <= min(width, height) and max(width, height) <= most, "size")
    return width, height


def _is_switch(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("value"), bool)


def _require(is_legal: bool, name: str) -> None:
    if not is_legal:
        raise Refusal("AI_MODEL_PARAM_INVALID", f"{name} is invalid")
