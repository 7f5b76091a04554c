"""What every error is: a code, a stage, a sentence, who can fix it, and no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

Stage = Literal["preflight", "request", "call", "quota", "transport", "ours"]
FixableBy = Literal["user", "admin", "operations", "nobody"]

DETAIL_LENGTH = 500
"""Characters of a service's own words that an error keeps."""

_REMOVED = "[removed]"
_SECRET_SHAPES = re.compile(
    r"\bsk-[\w*.…-]{4,}"
    r"|\bBearer\s+[^\s\"',;]+"
    r"|\beyJ[\w-]{4,}(?:\.[\w-]*){0,4}"
    r"|\bAKID\w{8,}"
    r"|(?<=Signature=)\w+",
    re.IGNORECASE,
)
_SHORTEST_SECRET = 4
"""A shorter key is no secret, and removing it would shred every sentence."""


def _(sentence: str) -> str:
    """Mark a sentence for the translators; the one who shows it translates it."""
    return sentence


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets and without anything shaped like a key."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _REMOVED)
    return _SECRET_SHAPES.sub(_REMOVED, text)


class CloudBaseError(Exception):
    """Something went wrong; says at which stage, who can fix it and whether trying again helps.

    `detail` is the service's own words without keys, at most `DETAIL_LENGTH` characters.
    `params` fill the `%(name)s` places of `user_message`; they are JSON-able.
    """

    code: ClassVar[str] = "cloudbase_error"
    stage: ClassVar[Stage] = "call"
    fixable_by: ClassVar[FixableBy] = "operations"
    is_retryable: ClassVar[bool] = False
    user_message: ClassVar[str] = _("Something went wrong while talking to the model service.")

    _by_code: ClassVar[dict[str, type[CloudBaseError]]] = {}

    def __init_subclass__(cls) -> None:
        """Enter the class under its code, so that a stored code finds its sentence again."""
        super().__init_subclass__()
        if "code" in cls.__dict__:
            CloudBaseError._by_code[cls.code] = cls

    def __init__(
        self,
        detail: str | None = None,
        *,
        request_id: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        secrets: Iterable[str] = (),
        **params: str | int | None,
    ) -> None:
        """Keep the facts; `secrets` are removed from `detail` and forgotten.

        `status` is the HTTP status, `retry_after` the seconds the service asked us to wait.
        """
        secrets = tuple(secrets)
        self.detail = scrub(detail, secrets)[:DETAIL_LENGTH] if detail else None
        self.request_id = scrub(request_id, secrets)[:128] if request_id else None
        self.status = status
        self.retry_after = retry_after
        self.params = params
        super().__init__(self.code, self.detail)

    def __str__(self) -> str:
        """The stable code, the English sentence and the service's own words."""
        sentence = f"{self.code}: {self.user_message % self.params}"
        return f"{sentence} ({self.detail})" if self.detail else sentence

    def as_dict(self) -> dict[str, Any]:
        """What is stored beside a failed message: JSON-able, without secrets."""
        return {
            "code": self.code,
            "stage": self.stage,
            "fixable_by": self.fixable_by,
            "is_retryable": self.is_retryable,
            "request_id": self.request_id,
            "detail": self.detail,
            "params": self.params,
        }


CloudBaseError._by_code[CloudBaseError.code] = CloudBaseError


def user_message_for(code: str) -> str:
    """Return the English sentence of a code, the general one for a code nobody knows (any more)."""
    return CloudBaseError._by_code.get(code, CloudBaseError).user_message
