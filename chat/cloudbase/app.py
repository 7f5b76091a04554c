"""The way in: an environment or an endpoint, its key, and the models behind it.

async with CloudBase(env="env-demo", api_key=key) as app:
    model = app.ai().create_model("cloudbase")
"""

from __future__ import annotations

import re
from dataclasses import replace
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from chat.cloudbase import (
    addresses,
    control_errors,
    credentials,
    errors,
    group_names,
    model_listing,
    tencent,
)
from chat.cloudbase.bots import Bots
from chat.cloudbase.chat_model import ChatModel
from chat.cloudbase.control_plane import ControlPlane
from chat.cloudbase.credentials import Bearer, Credential, cleaned
from chat.cloudbase.image_model import ImageModel
from chat.cloudbase.model_listing import ListedModel
from chat.cloudbase.signing import ControlPlaneSignature, SecretPair
from chat.cloudbase.tools import FunctionTool, ToolRegistry
from chat.cloudbase.transport import Call, Endpoint, HttpPool, Patience

CHINA_REGIONS: Final = frozenset(
    {
        "ap-shanghai",
        "ap-guangzhou",
        "ap-shenzhen-fsi",
        "ap-shanghai-fsi",
        "ap-nanjing",
        "ap-beijing",
        "ap-chengdu",
        "ap-chongqing",
        "ap-hongkong",
    }
)
"""Regions behind the mainland gateway (CloudBase Node SDK); all others are behind the other."""

_ENVIRONMENT = re.compile(r"[a-z0-9_-]{1,40}")
_SHOWN_LENGTH = 80


class Ai:
    """What `app.ai()` gives: makes models, and knows their tools."""

    def __init__(self, app: CloudBase | OpenAICompatible) -> None:
        self._app = app

    def create_model(self, group: str) -> ChatModel:
        """Return the model group of that name; raises IllegalGroupName with the reason."""
        name = group_names.check(group)
        return ChatModel(name, self._app.chat_endpoint(name), self._app.http, self._app.tools)

    def register_function_tool(self, tool: FunctionTool) -> None:
        """Let models of this app call `tool` when a request offers a tool of that name."""
        self._app.tools.register(tool)


class CloudBaseAi(Ai):
    """What only an environment has: images and agents."""

    def __init__(self, app: CloudBase) -> None:
        super().__init__(app)
        self._environment = app
        self.bot: Final = Bots(app.bots_endpoint(), app.http)
        """The agents of the environment."""

    def create_image_model(self, provider: str) -> ImageModel:
        """Return the image models of a provider, normally "hunyuan-image"."""
        return ImageModel(provider, self._environment.images_endpoint(provider), self._app.http)


class _App:
    """What both ways in share: a key, patience, and a pool of connections, lent or its own."""

    def __init__(
        self,
        base_url: str,
        credential: Credential,
        http: HttpPool | None,
        patience: Patience,
        in_confidence: tuple[str, ...] = (),
        answer_limit: int | None = None,
    ) -> None:
        """`in_confidence` are keys that are not shown there, but may be known to a tool."""
        self.base_url = base_url
        self.patience = patience
        self.http = http or HttpPool()
        self._owns_http = http is None
        self.tools = ToolRegistry()
        self._credential = credential
        self._in_confidence = in_confidence
        self._answer_limit = answer_limit

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    async def __aenter__(self) -> Self:
        """Open our own connections; a pool that was lent is open already."""
        if self._owns_http:
            await self.http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close our own connections."""
        if self._owns_http:
            await self.http.__aexit__(kind, error, traceback)

    def _endpoint(self, path: str) -> Endpoint:
        return Endpoint(
            f"{self.base_url}{path}",
            self._credential,
            self.patience,
            in_confidence=self._in_confidence,
            answer_limit=self._answer_limit,
        )


class CloudBase(_App):
    """A CloudBase AI environment: its gateway, `/v1/ai/{group}/chat/completions`."""

    def __init__(
        self,
        *,
        env: str,
        api_key: str | None = None,
        access_token: str | None = None,
        secret_id: str | None = None,
        secret_key: str | None = None,
        token: str | None = None,
        region: str = "ap-shanghai",
        intl: bool = False,
        language: tencent.Language = "en-US",
        base_url: str | None = None,
        control_url: str | None = None,
        http: HttpPool | None = None,
        patience: Patience = Patience(),  # noqa: B008 -- a frozen value
    ) -> None:
        """Name the environment, and say as whom: with an API key, or with the access token of a
        user, or with a secret id and its key (and `token` if they are temporary). The secret pair
        may stand beside one of the others: managing the environment takes it.

        `base_url`, the part before `/v1`, is for gateways elsewhere, `control_url` for control
        planes elsewhere; `intl` or a region outside China chooses the international ones.
        `language` is that of the control plane's messages.

        Raises IllegalEnvironment, IllegalBaseUrl, KeyMissing, KeysContradict, KeyMalformed or
        SecretPairIncomplete.
        """
        if not _ENVIRONMENT.fullmatch(env):
            raise errors.IllegalEnvironment(name=errors.scrub(env)[:_SHOWN_LENGTH])
        pair = credentials.secret_pair(secret_id=secret_id, secret_key=secret_key, token=token)
        credential = credentials.for_gateway(api_key=api_key, access_token=access_token, pair=pair)
        is_abroad = intl or region not in CHINA_REGIONS
        gateway = _checked_url(base_url or _gateway_of(env, is_abroad=is_abroad))
        in_confidence = pair.secrets if pair else ()
        super().__init__(gateway.removesuffix("/v1"), credential, http, patience, in_confidence)
        self.env = env
        standard = tencent.INTERNATIONAL if is_abroad else tencent.CHINA
        endpoint = _control_endpoint(_checked_url(control_url or standard), pair, patience)
        self._control = (
            tencent.TencentControlPlane(env, endpoint, self.http, region=region, language=language)
            if endpoint
            else None
        )

    def control_plane(self) -> ControlPlane:
        """Return the management of the environment; raises SecretPairMissing without the pair."""
        if self._control is None:
            raise errors.SecretPairMissing
        return self._control

    def ai(self) -> CloudBaseAi:
        """Return the maker of models."""
        return CloudBaseAi(self)

    def chat_endpoint(self, group: str) -> Endpoint:
        """Where the chat completions of a group are."""
        return self._endpoint(f"/v1/ai/{group}/chat/completions")

    def images_endpoint(self, provider: str) -> Endpoint:
        """What the paths of an image provider begin with."""
        return self._endpoint(f"/v1/ai/{quote(provider, safe='')}")

    def bots_endpoint(self) -> Endpoint:
        """What the paths of agents begin with."""
        return self._endpoint("/v1/aibot")


class OpenAICompatible(_App):
    """Any endpoint that speaks OpenAI's chat completions; `base_url` usually ends in `/v1`."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str = "",
        http: HttpPool | None = None,
        patience: Patience = Patience(),  # noqa: B008 -- a frozen value
        answer_limit: int | None = None,
    ) -> None:
        """Name the endpoint; no key, no Authorization. Raises IllegalBaseUrl or KeyMalformed.

        `answer_limit` is how many bytes an answer may have; None: a stream may have any number.
        """
        super().__init__(
            _checked_url(base_url),
            Bearer(cleaned(api_key)),
            http,
            patience,
            answer_limit=answer_limit,
        )

    def ai(self) -> Ai:
        """Return the maker of models."""
        return Ai(self)

    async def list_models(self) -> tuple[ListedModel, ...]:
        """Return the models that the endpoint says it has, in its order.

        Raises CloudBaseError; its `status` is 404 where there is no such list.
        """
        endpoint = replace(self._endpoint("/models"), find_error=model_listing.in_answer)
        return model_listing.models_in(await self.http.call(endpoint, Call(method="GET")))

    def chat_endpoint(self, group: str) -> Endpoint:
        """Where the chat completions are: the same for every group."""
        return self._endpoint("/chat/completions")


def _gateway_of(env: str, *, is_abroad: bool) -> str:
    domain = "api.intl" if is_abroad else "api"
    return f"https://{env}.{domain}.tcloudbasegateway.com"


def _control_endpoint(url: str, pair: SecretPair | None, patience: Patience) -> Endpoint | None:
    if pair is None:
        return None
    return Endpoint(url, ControlPlaneSignature(pair), patience, control_errors.in_answer)


def _checked_url(url: str) -> str:
    addresses.target_of(url)
    return url.strip().rstrip("/")
