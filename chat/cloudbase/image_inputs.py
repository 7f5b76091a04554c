"""What a picture is asked for with: one typed input for each of the two kinds of models.

An input that exists is legal: making one checks every rule that is known (image_rules.py) and
raises IllegalImageInput, whose `params` name the field. What is None is not sent, so that the
service's own default holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from chat.cloudbase import errors, image_rules
from chat.cloudbase.encoding import encoded
from chat.cloudbase.errors import _

LEGACY_MODEL: Final = "hunyuan-image"
NEWEST_MODEL: Final = "hunyuan-image-v3.0-v1.0.4"
STYLED_VERSION: Final = "v1.9"
"""The one version of `hunyuan-image` that knows styles and negative prompts."""

_LEGACY_MODELS = re.compile(r"hunyuan-image(?:-v[12](?:\..*)?)?")
_GRID = 64


@dataclass(frozen=True, slots=True)
class ImageAdvice:
    """Something legal that may not turn out as meant; `params` fill `user_message`."""

    field: str
    code: str
    user_message: str
    params: Mapping[str, str | int]

    def __str__(self) -> str:
        """The English sentence."""
        return self.user_message % self.params


@dataclass(frozen=True, slots=True)
class HunyuanImageInput:
    """For the model `hunyuan-image` (HunyuanGenerateImageInput).

    `size` is "WxH" in pixels, each side 768 to 1280, by default 1024x1024; `version` v1.8.1 (the
    default) or v1.9. Only v1.9 knows `negative_prompt`, `style` and sizes like 1280x720. `revise`
    lets the service rewrite the prompt, by default yes. `footnote` is a watermark of at most 16
    characters, `seed` 1 to 4294967295, `n` 1 and nothing else.
    """

    prompt: str
    model: str = LEGACY_MODEL
    version: str | None = None
    size: str | None = None
    negative_prompt: str | None = None
    style: str | None = None
    revise: bool | None = None
    n: int | None = None
    footnote: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        """Check the rules. Raises IllegalImageInput."""
        _check_model(self.model, HunyuanImageInput)
        image_rules.check_text("prompt", self.prompt)
        self._check_version()
        image_rules.check_size(self.size, self._size_limits)
        image_rules.check_boolean("revise", self.revise, self.model)
        image_rules.check_count(self.n)
        image_rules.check_footnote(self.footnote)
        image_rules.check_seed(self.seed)

    @property
    def advice(self) -> tuple[ImageAdvice, ...]:
        """What to know before sending: sides that are no multiples of 64 are said to be rounded
        up and the picture cropped (vendor's page on the console; its SDK calls them illegal)."""
        sides = image_rules.sides_of(self.size) if self.size else None
        is_named = self.size in self._size_limits.also
        if sides is None or is_named or not any(side % _GRID for side in sides):
            return ()
        return (_off_the_grid(str(self.size)),)

    def body(self) -> bytes:
        """The JSON of the request, UTF-8."""
        return _body(self)

    @property
    def _size_limits(self) -> image_rules.SizeLimits:
        is_styled = self.version == STYLED_VERSION
        return image_rules.V19_SIZES if is_styled else image_rules.LEGACY_SIZES

    def _check_version(self) -> None:
        for field in ("version", "negative_prompt", "style"):
            value = getattr(self, field)
            if value is None:
                continue
            image_rules.check_text(field, value)
            if field != "version" and self.version != STYLED_VERSION:
                raise errors.ImageParameterNotForVersion(field=field, version=STYLED_VERSION)


@dataclass(frozen=True, slots=True)
class HunyuanARImageInput:
    """For the v3.0 models and any newer one (HunyuanARGenerateImageInput).

    `prompt` has at most 8192 characters. `size` is "WxH" in pixels, by default 1024x1024; of
    hunyuan-image-v3.0-v1.0.4 each side is 512 to 2048 and the area at most 1024 x 1024, of other
    models the service decides. `revise` and `enable_thinking` are objects, `{"value": False}`;
    both are on by default and take up to 30 and 60 seconds more. `footnote` is a watermark of at
    most 16 characters, `seed` 1 to 4294967295. `image_urls` and `images` are pictures to go by, at
    most 3 each, 1 for HY-Image-v3.0-I2I-ToB-v1.0.1; jpg or png of at most 10 MB, which is not
    checked here.
    """

    prompt: str
    model: str = NEWEST_MODEL
    size: str | None = None
    seed: int | None = None
    footnote: str | None = None
    revise: Mapping[str, bool] | None = None
    enable_thinking: Mapping[str, bool] | None = None
    image_urls: Sequence[str] | None = None
    images: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Check the rules. Raises IllegalImageInput."""
        _check_model(self.model, HunyuanARImageInput)
        image_rules.check_text("prompt", self.prompt, longest=image_rules.LONGEST_PROMPT)
        image_rules.check_size(self.size, image_rules.AR_SIZES.get(self.model))
        image_rules.check_seed(self.seed)
        image_rules.check_footnote(self.footnote)
        for field in ("revise", "enable_thinking"):
            image_rules.check_switch(field, getattr(self, field), self.model)
        for field in ("image_urls", "images"):
            image_rules.check_images(field, getattr(self, field), self.model)

    @property
    def advice(self) -> tuple[ImageAdvice, ...]:
        """Nothing is known that one should know before sending."""
        return ()

    def body(self) -> bytes:
        """The JSON of the request, UTF-8."""
        return _body(self)


ImageInput = HunyuanImageInput | HunyuanARImageInput


def is_legacy(model: str) -> bool:
    """Say whether a model is of the older kind (CloudBase JS SDK 3.7.0, its choice of paths)."""
    return _LEGACY_MODELS.fullmatch(model) is not None


def image_input(parameters: Mapping[str, Any]) -> ImageInput:
    """Return the input of the kind that the `model` among the parameters takes; None is not given.

    Raises IllegalImageInput, also for a parameter the model does not have, naming the nearest.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    model = given.get("model")
    image_rules.check_text("model", model)
    kind = _kind_for(str(model))
    image_rules.check_names(given, legal=_names_of(kind), known=_KNOWN, model=str(model))
    return kind(**{"prompt": None, **given})


def _kind_for(model: str) -> type[ImageInput]:
    return HunyuanImageInput if is_legacy(model) else HunyuanARImageInput


def _names_of(kind: type[ImageInput]) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind))


_KNOWN: Final = _names_of(HunyuanImageInput) | _names_of(HunyuanARImageInput)


def _check_model(model: object, kind: type[ImageInput]) -> None:
    image_rules.check_text("model", model)
    right = _kind_for(str(model))
    if right is not kind:
        raise errors.ImageModelOfOtherKind(
            field="model", value=image_rules.shown(str(model)), suggestion=right.__name__
        )


def _off_the_grid(size: str) -> ImageAdvice:
    return ImageAdvice(
        field="size",
        code="image_size_off_the_grid",
        user_message=_(
            'The sides of "%(size)s" are not multiples of %(grid)s: the service may draw a larger '
            "picture and cut it."
        ),
        params={"size": size, "grid": _GRID},
    )


def _body(given: ImageInput) -> bytes:
    members = {field.name: getattr(given, field.name) for field in fields(given)}
    return encoded({name: _plain(value) for name, value in members.items() if value is not None})


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value
