"""Models that draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, overload

from chat.cloudbase import errors, refusals
from chat.cloudbase.image_inputs import ImageInput, image_input, is_legacy
from chat.cloudbase.members import Members
from chat.cloudbase.transport import Call, Endpoint, HttpPool, Patience

IMAGE_PATIENCE: Final = 300.0
"""Seconds to wait for a picture at least: some 30 to draw, 30 to rewrite the prompt, 60 to think
(CloudBase documents), and a queue before them."""

LEGACY_PROVIDER: Final = "hunyuan-image"


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """A picture. The service keeps it at `url` for 24 hours, newer models for 12.

    `revised_prompt` is what was drawn; None if the service does not say.
    """

    url: str
    revised_prompt: str | None


@dataclass(frozen=True, slots=True)
class GeneratedImages:
    """What `generate_image` gives: `id` of the request, `created` in Unix seconds if said, and at
    least one picture in `data`; `raw` is the body as it came, unknown members included."""

    id: str
    created: int | None
    data: tuple[GeneratedImage, ...]
    raw: Mapping[str, Any]


class ImageModel:
    """The image models of one provider."""

    def __init__(self, provider: str, endpoint: Endpoint, http: HttpPool) -> None:
        """Made by `app.ai().create_image_model(provider)`."""
        self.provider = provider
        self._endpoint = replace(endpoint, patience=_for_drawing(endpoint.patience))
        self._http = http

    @overload
    async def generate_image(self, given: ImageInput, /) -> GeneratedImages: ...

    @overload
    async def generate_image(
        self, /, *, model: str, prompt: str, **parameters: Any
    ) -> GeneratedImages: ...

    async def generate_image(
        self, given: ImageInput | None = None, /, **parameters: Any
    ) -> GeneratedImages:
        """Draw a picture (generateImage), from a typed input or from the same as keyword arguments.

        Waits until it is there, five minutes at least. Raises IllegalImageInput before anything is
        sent, CloudBaseError afterwards. A request that may have reached the service is not sent
        again, because a picture costs money.
        """
        asked = image_input(parameters) if given is None else given
        endpoint = self._endpoint.at(self._path(asked.model))
        call = Call(body=asked.body(), is_repeatable=False)
        images = _images_in(await self._http.call(endpoint, call), endpoint.secrets)
        if isinstance(images, errors.CloudBaseError):
            raise images
        return images

    def _path(self, model: str) -> str:
        """Where models of that kind are (CloudBase JS SDK 3.7.0, createImageModel)."""
        if self.provider == LEGACY_PROVIDER and is_legacy(model):
            return "images/generations"
        return "images/ar/generations"


def _for_drawing(patience: Patience) -> Patience:
    return replace(
        patience,
        first_byte=max(patience.first_byte, IMAGE_PATIENCE),
        idle=max(patience.idle, IMAGE_PATIENCE),
    )


def _images_in(
    body: bytes, secrets: Iterable[str]
) -> GeneratedImages | errors.ProviderSpokeGarbage:
    members = Members(refusals.parsed(body) or {})
    images = tuple(_image(Members(item)) for item in members.objects("data"))
    if not images or not all(image.url for image in images):
        return errors.ProviderSpokeGarbage("the answer has no picture", secrets=secrets)
    return GeneratedImages(
        id=members.text("id"), created=members.whole("created"), data=images, raw=members.raw
    )


def _image(members: Members) -> GeneratedImage:
    return GeneratedImage(members.text("url"), members.text("revised_prompt") or None)
