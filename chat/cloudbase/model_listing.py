"""The models that an endpoint says it has (OpenAI API, list models)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chat.cloudbase import errors, refusals
from chat.cloudbase.members import Members, Time


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model of a list; `id` is what a request calls it."""

    id: str
    owned_by: str
    created: Time
    raw: Mapping[str, Any] = field(repr=False)


def models_in(body: bytes) -> tuple[ListedModel, ...]:
    """The models in the body of a good answer, in its order; what has no id is none."""
    members = (Members(entry) for entry in _entries(body) or () if isinstance(entry, dict))
    return tuple(
        ListedModel(name, found.text("owned_by"), found.time("created"), found.raw)
        for found in members
        if (name := found.text("id"))
    )


def in_answer(
    status: int, body: bytes, headers: Mapping[str, str], *, secrets: Iterable[str] = ()
) -> errors.CloudBaseError | None:
    """Return what is wrong with an answer, None if it is a list of models."""
    if 200 <= status < 300 and _entries(body) is not None:
        return None
    return refusals.from_response(status, body, headers, secrets=secrets)


def _entries(body: bytes) -> list[Any] | None:
    """The list, None if there is none.

    It stands in `data`, which some write as null if it is empty; or it is all of the answer, as
    Together AI sends it.
    """
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if isinstance(said, dict) and not refusals.holds_error(said):
        is_empty = said.get("object") == "list" and said.get("data", ...) is None
        said = [] if is_empty else said.get("data")
    return said if isinstance(said, list) else None
