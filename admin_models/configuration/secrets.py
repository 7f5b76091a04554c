"""What looks like a secret: a configuration carries none, neither out nor in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+|\d+")
_TELLING: Final = re.compile(
    "apikey|(access|auth)(key|token)|(private|secret)(id|key)|secrets?|credentials?|sealed|"
    "pass(word|words|phrase|wd)|pwd|authorization|bearer|cookie"
)
"""Words that name a secret wherever they stand."""
_TELLING_IN_CHINESE: Final = re.compile("密钥|密码|令牌|口令")
_TELLING_AT_THE_END: Final = frozenset(("auth", "key", "keys", "signature", "token"))
"""Words that name one at the end of a name; `max_tokens` and `key_count` are none."""
_HARMLESS: Final = re.compile(r"prompt_cache_key|(bos|eos|pad|sep|stop|unk)_token")
"""Parameters of requests that are none either."""
_NAME_IN_TEXT: Final = re.compile(r'"((?:[^"\\]|\\.){1,200})"\s*:')


@lru_cache(1000)
def is_telling(name: str) -> bool:
    """Whether a member of this name would hold a secret."""
    if _HARMLESS.fullmatch(name):
        return False
    if _TELLING_IN_CHINESE.search(name):
        return True
    words = [word.lower() for word in _WORD.findall(name)]
    return bool(words) and (words[-1] in _TELLING_AT_THE_END or any(map(_TELLING.fullmatch, words)))


def holds(name: str, value: object) -> bool:
    """Whether the member `name` holds a secret: no number, true, false or null is one."""
    return isinstance(value, str | Mapping | list) and is_telling(name)


def are_named_in(text: str) -> bool:
    """Whether a text that is meant to be JSON, and perhaps is not, has such a member."""
    return any(is_telling(name) for name in _NAME_IN_TEXT.findall(text))


def without(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that have no secret in them, at any depth."""
    return {name: value for name, value in members.items() if not _is_inside(name, value)}


def only(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that `without` leaves out."""
    return {name: value for name, value in members.items() if _is_inside(name, value)}


def without_login(url: str) -> str:
    """An address without user name, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    plain = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return plain if "@" in parts.netloc or parts.query or parts.fragment else url


def _is_inside(name: str, value: object) -> bool:
    if holds(name, value):
        return True
    if isinstance(value, Mapping):
        return any(_is_inside(each, inner) for each, inner in value.items())
    return isinstance(value, list) and any(_is_inside("", inner) for inner in value)
