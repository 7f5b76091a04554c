"""What the image services accept: every limit and every check, one at a time.

Sources: CloudBase documents, HunyuanGenerateImageInput and HunyuanARGenerateImageInput; the types
of the CloudBase JS SDK for the sizes and for the reference images. Characters are code points.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from chat.cloudbase import errors

LONGEST_PROMPT: Final = 8192
"""Characters, for the v3.0 models; nobody states a limit for the older ones."""
LONGEST_FOOTNOTE: Final = 16
"""Characters of the watermark."""
SMALLEST_SEED: Final = 1
LARGEST_SEED: Final = 4294967295
MOST_IMAGES: Final = 1
"""Pictures drawn by one call."""
MOST_REFERENCE_IMAGES: Final = 3
MOST_REFERENCE_IMAGES_OF: Final = {"HY-Image-v3.0-I2I-ToB-v1.0.1": 1}
"""Models that take fewer."""
DEFAULT_SIZE: Final = "1024x1024"

_SIZE = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")
_SHOWN_LENGTH = 80


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """What a model draws, in pixels; `area` is width times height, `also` sizes it takes anyway."""

    least_side: int
    most_side: int
    most_area: int | None = None
    also: frozenset[str] = frozenset()


LEGACY_SIZES: Final = SizeLimits(least_side=768, most_side=1280)
V19_SIZES: Final = SizeLimits(
    least_side=768,
    most_side=1280,
    also=frozenset(
        {
            "1024x1024",
            "1024x768",
            "1152x864",
            "768x1024",
            "864x1152",
            "1280x768",
            "768x1280",
            "1280x720",
            "720x1280",
        }
    ),
)
"""Version v1.9 of `hunyuan-image` names its own sizes; two have a shorter side."""
AR_SIZES: Final = {"hunyuan-image-v3.0-v1.0.4": SizeLimits(512, 2048, most_area=1024 * 1024)}
"""Other models have lists nobody publishes: there the form is checked and the service decides."""


def check_text(field: str, value: object, *, longest: int | None = None) -> None:
    """Raise unless it is text with something in it, of at most `longest` characters."""
    if value is None:
        raise errors.ImageParameterMissing(field=field)
    if not isinstance(value, str):
        raise _wrong_type(field, "string", value)
    if not value.strip():
        raise errors.ImageParameterMissing(field=field)
    if longest is not None and len(value) > longest:
        raise errors.ImageParameterTooLong(field=field, length=len(value), maximum=longest)


def check_footnote(value: str | None) -> None:
    """Raise unless it is text that fits into the corner; an empty one is none."""
    if value:
        check_text("footnote", value, longest=LONGEST_FOOTNOTE)


def check_seed(value: object) -> None:
    """Raise unless it is None or a whole number from the smallest to the largest seed."""
    if value is None:
        return
    seed = _whole("seed", value)
    if not SMALLEST_SEED <= seed <= LARGEST_SEED:
        raise errors.ImageParameterOutOfRange(
            field="seed", value=_digits(seed), minimum=SMALLEST_SEED, maximum=LARGEST_SEED
        )


def check_count(value: object) -> None:
    """Raise unless it is None or the one picture that the service draws at a time."""
    if value is None:
        return
    count = _whole("n", value)
    if count != MOST_IMAGES:
        raise errors.ImageCountNotOne(field="n", value=_digits(count), maximum=MOST_IMAGES)


def check_size(value: object, limits: SizeLimits | None) -> None:
    """Raise unless it is None or a size within the limits; without limits, the form counts."""
    if value is None:
        return
    if not isinstance(value, str):
        raise _wrong_type("size", "string", value)
    sides = sides_of(value)
    if sides is None:
        raise errors.ImageSizeMalformed(field="size", value=shown(value), suggestion=DEFAULT_SIZE)
    if limits is not None and value not in limits.also:
        _check_sides(value, sides, limits)


def sides_of(size: str) -> tuple[int, int] | None:
    """Width and height in pixels, None if the text is not a size."""
    found = _SIZE.fullmatch(size)
    return (int(found[1]), int(found[2])) if found else None


def check_boolean(field: str, value: object, model: str) -> None:
    """Raise unless it is None, True or False; an object is told how to be a boolean."""
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, Mapping):
        raise _malformed_switch(field, value.get("value") is not False, model)
    raise _wrong_type(field, "boolean", value)


def check_switch(field: str, value: object, model: str) -> None:
    """Raise unless it is None or `{"value": boolean}`; a boolean is told how to be an object."""
    if value is None:
        return
    if isinstance(value, bool):
        raise _malformed_switch(field, {"value": value}, model)
    if not isinstance(value, Mapping):
        raise _wrong_type(field, "object", value)
    if not isinstance(value.get("value"), bool):
        raise _malformed_switch(field, {"value": True}, model)


def check_images(field: str, value: object, model: str) -> None:
    """Raise unless it is None or a list of texts, no more of them than the model takes."""
    if value is None:
        return
    if not isinstance(value, list | tuple):
        raise _wrong_type(field, "array of string", value)
    for image in value:
        check_text(field, image)
    maximum = MOST_REFERENCE_IMAGES_OF.get(model, MOST_REFERENCE_IMAGES)
    if len(value) > maximum:
        raise errors.ImagesTooMany(
            field=field, count=len(value), model=shown(model), maximum=maximum
        )


def check_names(
    names: Collection[str], *, legal: Collection[str], known: Collection[str], model: str
) -> None:
    """Raise if a name is not among the legal ones; one that is known belongs to other models."""
    for name in names:
        if name in legal:
            continue
        if name in known:
            raise errors.ImageParameterNotForModel(field=name, model=shown(model))
        nearest = difflib.get_close_matches(name, sorted(legal), n=1, cutoff=0)
        raise errors.ImageParameterUnknown(
            field=shown(name), model=shown(model), suggestion=nearest[0]
        )


def shown(text: str) -> str:
    """What an error repeats of a value: its beginning, without anything shaped like a key."""
    return errors.scrub(text)[:_SHOWN_LENGTH]


def _check_sides(size: str, sides: tuple[int, int], limits: SizeLimits) -> None:
    least, most = limits.least_side, limits.most_side
    if not all(least <= side <= most for side in sides):
        raise errors.ImageSideOutOfRange(field="size", value=size, minimum=least, maximum=most)
    area = sides[0] * sides[1]
    if limits.most_area is not None and area > limits.most_area:
        raise errors.ImageAreaTooLarge(
            field="size", value=size, area=area, maximum=limits.most_area
        )


def _whole(field: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(field, "integer", value)
    return value


def _digits(number: int) -> str:
    """Python refuses to write out a number of thousands of digits, and nobody would read it."""
    return str(number) if abs(number) < 10**20 else "…"


def _malformed_switch(field: str, right: object, model: str) -> errors.ImageSwitchMalformed:
    suggestion = msgspec.json.format(msgspec.json.encode(right), indent=0).decode()
    return errors.ImageSwitchMalformed(field=field, model=shown(model), suggestion=suggestion)


def _wrong_type(field: str, expected: str, value: object) -> errors.ImageParameterWrongType:
    return errors.ImageParameterWrongType(field=field, expected=expected, given=_json_type(value))


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case dict():
            return "object"
        case list() | tuple():
            return "array"
        case _:
            return type(value).__name__
