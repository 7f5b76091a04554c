"""Which names a model group may have, and what was probably meant when it may not.

Legal are `hunyuan-exp`, `cloudbase` and `custom-<name>` (CloudBase AI, model groups). This is the
one place that decides it, for forms, imports, our own API and the client alike.
"""

import re
from typing import Final

from chat.cloudbase import errors

GROWTH_PLAN: Final = "hunyuan-exp"
MANAGED: Final = "cloudbase"
CUSTOM_PREFIX: Final = "custom-"

_CUSTOM = re.compile(r"custom-[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_VENDOR = (
    "01-ai|ark|anthropic|baichuan|claude|dashscope|deepseek|doubao|gemini|glm|google|gpt|grok|"
    "hunyuan|kimi|llama|meta|minimax|mistral|moonshot|openai|qwen|stepfun|tencent|yi|zhipu"
)
_IS_VENDOR = re.compile(_VENDOR).fullmatch
_IS_MODEL = re.compile(rf"(?:{_VENDOR}|ernie|gemma|hy|mixtral|o|phi)(?:[-_.:/]|v?\d)|.*/").match
_SHOWN_LENGTH = 80


def check(name: object) -> str:
    """Return `name` if a model group may be called that.

    Raises an `IllegalGroupName` of the kind of the probable mistake, which says what to write.
    """
    if not isinstance(name, str):
        raise errors.GroupNameNotText(type=type(name).__name__)
    if not name.strip():
        raise errors.GroupNameMissing
    if _is_legal(name):
        return name
    name = errors.scrub(name)  # a key may have got into the wrong field
    kind, suggestion = _mistake(name)
    raise kind(name=name[:_SHOWN_LENGTH], suggestion=suggestion)


def is_custom(name: str) -> bool:
    """Say whether a legal name belongs to a group that somebody registered."""
    return name.startswith(CUSTOM_PREFIX)


def _mistake(name: str) -> tuple[type[errors.IllegalGroupName], str]:
    """The kind of mistake, and what to write instead."""
    plain = "".join(name.split()).lower()
    dashed = re.sub(r"[\s_.]+", "-", name.strip().lower())
    if plain in ("custom", CUSTOM_PREFIX):
        return errors.GroupNameIsBareCustom, "custom-lab"
    if _is_legal(plain):
        is_spaced = plain != name.lower()
        return errors.GroupNameHasSpaces if is_spaced else errors.GroupNameWrongCase, plain
    if plain.startswith(CUSTOM_PREFIX):
        return errors.GroupNameHasIllegalRest, _custom_from(plain)
    if _is_legal(dashed):
        return errors.GroupNameUnknown, dashed
    if _IS_VENDOR(plain):
        return errors.GroupNameIsVendor, _group_of(plain)
    if _IS_MODEL(plain):
        return errors.GroupNameIsModel, _group_of(plain)
    return errors.GroupNameUnknown, _custom_from(dashed)


def _is_legal(name: str) -> bool:
    return name in (GROWTH_PLAN, MANAGED) or _CUSTOM.fullmatch(name) is not None


def _group_of(vendor_or_model: str) -> str:
    return GROWTH_PLAN if vendor_or_model.startswith(("hunyuan", "tencent")) else MANAGED


def _custom_from(name: str) -> str:
    """A legal name for a group of one's own that resembles `name`."""
    rest = re.sub(r"[^a-z0-9_-]+", "-", name.removeprefix(CUSTOM_PREFIX))[:64].strip("-_")
    return CUSTOM_PREFIX + (rest or "lab")
