"""What the answers of an endpoint mean: its list, its key, the answer of a model, its abilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from admin_models.endpoint_questions import ANSWER_LIMIT, WAITS, Listing, Seen
from admin_models.findings import KEY, Finding, not_tried, refused
from admin_models.models import ModelAbilities
from admin_models.preflight.checks import State
from chat.cloudbase import errors
from chat.cloudbase.errors import CloudBaseError, _

LIST: Final = _("List of models")
ANSWER: Final = _("Answer")

_SHOWN_NAMES: Final = 5
_NO_LIST: Final = (404, 405, 501)
_KEY_REFUSED: Final = (errors.KeyRefused, errors.NotAllowed)
_CHECK_BASE: Final = _(
    "Check the base URL: it usually ends with the version, for example https://llm.example/v1"
)
_CHECK_KEY: Final = _("Copy all of the API key again, or make a new one where the model is from.")


# The list, and the key


def on_list(listing: Listing, model: str = "") -> Finding:
    """Whether there is a list, and the `model` in it. It never stands in the way."""
    error = listing.error
    if error is None:
        return replace(_listed(listing, model), is_blocking=False)
    if error.status in _NO_LIST:
        sentence = _("The endpoint has no list of its models. That is no failure: type the names.")
        return Finding(LIST, State.SKIPPED, sentence, saw=f"HTTP {error.status}", is_blocking=False)
    advice = _CHECK_BASE if isinstance(error, errors.ProviderSpokeGarbage) else ""
    advice = _CHECK_KEY if isinstance(error, _KEY_REFUSED) else advice
    return replace(refused(LIST, error, State.UNKNOWN, advice=advice), is_blocking=False)


def _listed(listing: Listing, model: str) -> Finding:
    shown = ", ".join(listing.names[:_SHOWN_NAMES])
    saw = f"{shown}, …" if len(listing.names) > _SHOWN_NAMES else shown
    facts: dict[str, Any] = {"count": len(listing.names), "model": model}
    if model and model not in listing.names:
        sentence = _("Models that the endpoint lists: %(count)s. %(model)s is not among them.")
        return Finding(LIST, State.SKIPPED, sentence, facts, saw=saw)
    return Finding(LIST, State.OK, _("Models that the endpoint lists: %(count)s."), facts, saw=saw)


def on_key(listing: Listing, seen: Seen, *, is_given: bool) -> Finding:
    """Whether the key is good, as the question shows, or else the list."""
    if seen.is_answer:
        sentence = (
            _("The endpoint accepts the API key.") if is_given else _("It answers without a key.")
        )
        return Finding(KEY, State.OK, sentence)
    refusal = next((e for e in (seen.error, listing.error) if isinstance(e, _KEY_REFUSED)), None)
    if refusal is None:
        return Finding(KEY, State.UNKNOWN, _("Whether the API key is good did not show."))
    finding = refused(KEY, refusal, advice=_CHECK_KEY)
    if not is_given:
        return replace(finding, sentence=_("The endpoint wants an API key, and none was given."))
    return finding


# The answer


@dataclass(frozen=True, slots=True)
class Question:
    """The question in plain words: where it was put, to which model, and what came of it."""

    url: str
    model: str
    listing: Listing
    seen: Seen

    @property
    def facts(self) -> dict[str, Any]:
        """What the sentences tell."""
        limit = settings.PREFLIGHT_TIMEOUT_SECONDS
        return {
            "url": f"{self.url}/chat/completions",
            "model": self.model,
            "seconds": f"{self.seen.first_word or 0:.1f}",
            "limit": f"{limit:g}",
            "waited": f"{WAITS * limit:g}",
            "size": ANSWER_LIMIT // 1024,
        }

    def failed_by(self, *kinds: type[CloudBaseError]) -> bool:
        """Whether it ended in one of these errors."""
        return isinstance(self.seen.error, kinds)

    @property
    def is_sent_elsewhere(self) -> bool:
        """Whether the answer is a redirection."""
        error = self.seen.error
        return isinstance(error, errors.WrongAddress) and 300 <= (error.status or 0) < 400

    @property
    def is_model_unknown(self) -> bool:
        """Whether the service says so, or refuses a model that is not in its list.

        A refusal with status 404 may mean the address instead; then it does not speak of models.
        """
        error = self.seen.error
        if isinstance(error, errors.ModelNotFound):
            said = (error.detail or "").lower()
            return error.status != 404 or any(
                word in said for word in (self.model.lower(), "model", "模型")
            )
        is_unlisted = bool(self.listing.names) and self.model not in self.listing.names
        return is_unlisted and type(error) in (errors.RequestRefused, errors.ParameterRefused)

    @property
    def is_strange(self) -> bool:
        """Whether nothing in what came is of OpenAI's kind, though it may be a stream."""
        is_stream = self.seen.error is None or self.failed_by(errors.StreamBroken)
        return self.failed_by(errors.ProviderSpokeGarbage) or (
            is_stream and not self.seen.is_answer and self.seen.answer.model is None
        )

    @property
    def is_slow(self) -> bool:
        """Whether the first word came, but late."""
        limit: float = settings.PREFLIGHT_TIMEOUT_SECONDS
        return (self.seen.first_word or 0) > limit


_TROUBLE: Final[tuple[tuple[Callable[[Question], bool], str, str], ...]] = (
    (
        lambda question: question.failed_by(errors.NotStreamed),
        _("The endpoint gives its answers only as a whole: it does not stream."),
        _("Choose an address or a model that streams: answers are shown while they are written."),
    ),
    (
        lambda question: question.failed_by(errors.AnswerTooLong),
        _("A few words were asked for, and more than %(size)s KB came. Reading stopped there."),
        _CHECK_BASE,
    ),
    (
        lambda question: question.is_model_unknown,
        _("The endpoint does not know the model %(model)s."),
        _("Write the name exactly as the endpoint lists it."),
    ),
    (
        lambda question: question.is_sent_elsewhere,
        _("%(url)s leads to another address. Keys are not taken there."),
        _("Write the address that it leads to; often it only begins with https:// instead."),
    ),
    (
        lambda question: question.failed_by(errors.WrongAddress, errors.ModelNotFound),
        _("There is no chat interface at %(url)s."),
        _CHECK_BASE,
    ),
    (
        lambda question: question.is_strange,
        _("What answers at %(url)s does not speak like OpenAI's chat interface."),
        _CHECK_BASE,
    ),
    (
        lambda question: question.is_slow,
        _("The first word came after %(seconds)s seconds. For a chat, %(limit)s are too many."),
        _("Try again: a model that has to be loaded first is slow only once."),
    ),
    (
        lambda question: question.failed_by(errors.ProviderTimedOut) and question.seen.is_answer,
        _("A few words were asked for, and after %(waited)s seconds there was no end of them."),
        _("Try again; if it stays so, choose another model."),
    ),
    (
        lambda question: question.failed_by(errors.ProviderTimedOut),
        _("Not a word came in %(waited)s seconds."),
        _("Try again: a model that has to be loaded first is slow only once."),
    ),
)
"""What can be wrong with an answer, the first that is true; what it says, and what to do."""


def on_answer(question: Question) -> Finding:
    """Whether the question was answered as a chat needs it."""
    seen, facts = question.seen, question.facts
    if question.failed_by(*_KEY_REFUSED):
        return not_tried(ANSWER)
    for is_true, sentence, advice in _TROUBLE:
        if is_true(question):
            saw, request_id = _said(seen)
            return Finding(ANSWER, State.NOT_OK, sentence, facts, advice, saw, request_id)
    if question.failed_by(errors.RateLimited):
        return refused(ANSWER, seen.error, State.UNKNOWN)
    if seen.error is not None:
        return refused(ANSWER, seen.error)
    sentence = _("%(model)s answered, without a visible word: it may think in secret first.")
    if seen.first_word is not None:
        sentence = _("%(model)s answered; the first word came after %(seconds)s seconds.")
    return Finding(ANSWER, State.OK, sentence, facts, saw=_said(seen)[0])


def _said(seen: Seen) -> tuple[str, str | None]:
    """What the service said of itself, and the id of the request."""
    if seen.error is not None:
        return seen.error.detail or seen.error.code, seen.error.request_id
    return ", ".join(filter(None, (seen.answer.model, seen.answer.finish_reason))), None


# The abilities of a model


def abilities_of(
    question: Question, tool: Seen | None, image: Seen | None
) -> ModelAbilities | None:
    """What is established about the model, not saved; None if that is nothing."""
    seen = question.seen
    streams = True if seen.is_answer else False if question.failed_by(errors.NotStreamed) else None
    if streams is None:
        return None
    return ModelAbilities(
        base_url=question.url,
        model=question.model,
        streams=streams,
        reports_usage=_reports_usage(seen),
        accepts_tools=tool.is_accepted if tool else None,
        accepts_images=image.is_accepted if image else None,
        emits_reasoning=_emits_reasoning(seen, tool, image),
        tried_at=timezone.now(),
    )


def _reports_usage(seen: Seen) -> bool | None:
    """A stream that broke off might have reported it at its end."""
    if seen.answer.usage is not None:
        return True
    return False if seen.error is None else None


def _emits_reasoning(*answers: Seen | None) -> bool | None:
    """Thoughts come before the text: where text came first, there were none to see."""
    seen = [one.answer for one in answers if one is not None]
    if any(answer.reasoning for answer in seen):
        return True
    return False if any(answer.text for answer in seen) else None


_ABILITIES: Final = {
    "reports_usage": (
        _("Usage report"),
        _("The model reports the tokens that it used."),
        _("The model reports no tokens: what it uses is estimated."),
    ),
    "accepts_tools": (
        _("Tools"),
        _("The model accepts tools."),
        _("The model refuses tools."),
    ),
    "accepts_images": (
        _("Pictures"),
        _("The model accepts pictures."),
        _("The model refuses pictures."),
    ),
    "emits_reasoning": (
        _("Reasoning"),
        _("The model shows what it thinks."),
        _("The model answered without showing thoughts."),
    ),
}
"""What each is called, and what it says if it is so and if it is not."""


def on_abilities(
    question: Question, abilities: ModelAbilities | None, tool: Seen | None, image: Seen | None
) -> list[Finding]:
    """What was learnt of a model that answers; nothing of it stands in the way, but that it
    refuses to be asked for a usage report."""
    if abilities is None or not question.seen.is_answer:
        return []
    shown = {"accepts_tools": tool, "accepts_images": image}
    findings = [_ability(name, getattr(abilities, name), shown.get(name)) for name in _ABILITIES]
    if "stream_options" in question.seen.parameters:
        findings[0] = Finding(
            _ABILITIES["reports_usage"][0],
            State.NOT_OK,
            _("The service refuses to be asked for a usage report, as every question here does."),
            advice=_(
                "Use a newer version of the service, or another: it must take stream_options."
            ),
        )
    return findings


def _ability(name: str, value: bool | None, seen: Seen | None) -> Finding:
    title, yes, no = _ABILITIES[name]
    saw, request_id = _said(seen) if seen and seen.error else ("", None)
    told = {
        True: (State.OK, yes),
        False: (State.SKIPPED, no),
        None: (State.UNKNOWN, _("This could not be found out.")),
    }
    state, sentence = told[value]
    return Finding(title, state, sentence, saw=saw, request_id=request_id, is_blocking=False)
