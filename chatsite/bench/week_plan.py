"""A week of synthetic use: who asks what, how it ends, and what each of it must be in the ledger.

This is the bench's own bookkeeping. Nothing here asks the product: prices are calculated with whole
numbers, and tokens that nobody reports are estimated by the rule that the product documents.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

import msgspec

GROUP: Final = "custom-week"
SHUT_GROUP: Final = "custom-shut"
"""A group that is switched off: what is asked of it is refused before any call."""
DAYS: Final = 7
KILLED: Final = 3
"""Answers that are being written when their server is killed."""
AROUND_A_MESSAGE: Final = 8
"""Tokens that the product adds for a message in an estimate."""
ASCII_A_TOKEN: Final = 4
"""Characters of ASCII that are estimated as one token."""


class Tier(msgspec.Struct):
    """What a million tokens cost while the question has more than `above`, in ten-thousandths of
    the currency; what is cached costs `cached`."""

    above: int
    input: int
    output: int
    cached: int


class Model(msgspec.Struct):
    """A model and its price; no tiers: it has none."""

    name: str
    group: str = GROUP
    currency: str = ""
    tiers: list[Tier] = []


MODELS: Final = (
    Model("uniform", currency="CNY", tiers=[Tier(0, 25_000, 80_000, 25_000)]),
    Model(
        "tiered",
        currency="CNY",
        tiers=[Tier(0, 20_001, 30_007, 4_003), Tier(32_000, 40_009, 60_011, 8_017)],
    ),
    Model("cached", currency="USD", tiers=[Tier(0, 2_700, 11_000, 701)]),
    Model("unpriced"),
)
SHUT: Final = Model("shut", group=SHUT_GROUP)
_BY_NAME: Final = {model.name: model for model in (*MODELS, SHUT)}


class Ending(StrEnum):
    """How an answer is to end, and why."""

    DONE = "done"
    NO_USAGE = "no_usage"
    """Done, and the service does not say what was used."""
    STOPPED = "stopped"
    REFUSED = "refused"
    """The service answers 500."""
    THROTTLED = "throttled"
    """The service answers 429."""
    BROKEN = "broken"
    """The connection breaks in mid-answer."""
    SHUT = "shut"
    """Refused before the call."""
    KILLED = "killed"
    """The server is killed in mid-answer."""


_STATES: Final = {
    Ending.DONE: "done",
    Ending.NO_USAGE: "done",
    Ending.STOPPED: "stopped",
    Ending.KILLED: "interrupted",
}
_ERRORS: Final = {
    Ending.REFUSED: ("call", "provider_failed"),
    Ending.THROTTLED: ("call", "rate_limited"),
    Ending.BROKEN: ("transport", "stream_broken"),
    Ending.SHUT: ("preflight", "preflight_group_off"),
}
CUT_SHORT: Final = frozenset({Ending.STOPPED, Ending.KILLED})
"""How far these got is known from the answers alone."""
_SHARES: Final = {
    Ending.DONE: 60,
    Ending.NO_USAGE: 12,
    Ending.STOPPED: 8,
    Ending.REFUSED: 5,
    Ending.THROTTLED: 3,
    Ending.BROKEN: 6,
    Ending.SHUT: 6,
}


class Turn(msgspec.Struct):
    """One question: who asks which model, how it ends, how many words the answer has at the most,
    and what the service says was used."""

    number: int
    person: int
    model: str
    ending: Ending
    words: int
    prompt: int = 0
    cached: int = 0
    reasoning: int = 0

    @property
    def question(self) -> str:
        """What is asked, and read back by the service."""
        return msgspec.json.encode(self).decode()

    @property
    def status(self) -> str:
        """How its bubble ends."""
        return _STATES.get(self.ending, "failed")


class Entry(msgspec.Struct):
    """What the ledger must have of a request; or of an answer without one, if nothing was called.

    `cost` is in ten-thousand-millionths of the currency, None if nobody can know.
    """

    day: str
    person: str
    model: str
    status: str
    confidence: str = "unknown"
    kind: str = "chat"
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    units: int = 0
    currency: str = ""
    cost: int | None = None
    stage: str = ""
    code: str = ""
    was_called: bool = True
    at: str = ""
    """When it was, for those that are written afterwards; ISO 8601 in UTC."""

    @property
    def total(self) -> int:
        """Tokens of question and answer."""
        return self.prompt + self.completion


def person_name(number: int) -> str:
    """The user name of a person."""
    return f"person-{number}"


def text(words: int) -> str:
    """An answer of so many words, plain ASCII without markup."""
    return "".join(spoken(words))


def spoken(words: int) -> Iterator[str]:
    """The same, word by word."""
    return (f"{'word' if number else 'Word'}{number} " for number in range(words))


def estimate(said: str) -> int:
    """Tokens of a text of ASCII, by the product's rule."""
    return -(-len(said) // ASCII_A_TOKEN)


def cost(model: Model, prompt: int, completion: int, cached: int = 0) -> int | None:
    """What a request costs, in ten-thousand-millionths; None without a price."""
    if not model.tiers:
        return None
    tier = max((tier for tier in model.tiers if prompt > tier.above or not tier.above), key=_above)
    fresh = prompt - cached
    return fresh * tier.input + cached * tier.cached + completion * tier.output


def _above(tier: Tier) -> int:
    return tier.above


# ── What is asked over sockets ───────────────────────────────────────────────


def turns(count: int, people: int, seed: int) -> list[Turn]:
    """`count` questions, of every ending at least one, and those whose server is killed."""
    dice = random.Random(seed)  # noqa: S311  # nothing to be kept secret
    endings = list(_SHARES) + dice.choices(list(_SHARES), list(_SHARES.values()), k=count)
    asked = [_turn(dice, number, people, endings[number]) for number in range(count)]
    killed = [_turn(dice, count + number, people, Ending.KILLED) for number in range(KILLED)]
    return [*asked, *killed]


def _turn(dice: random.Random, number: int, people: int, ending: Ending) -> Turn:
    model = SHUT if ending is Ending.SHUT else dice.choice(MODELS)
    turn = Turn(number, dice.randrange(people), model.name, ending, dice.randint(20, 120))
    if ending is Ending.DONE:
        turn.prompt = dice.choice([dice.randint(5, 900), dice.randint(31_990, 32_010), 90_000])
        turn.cached = dice.choice([0, turn.prompt // 3, turn.prompt])
        turn.reasoning = dice.choice([0, turn.words // 2])
    return turn


def entry_of(turn: Turn, day: str, cut_short: str = "") -> Entry:
    """What the ledger must have of a turn that ended on `day`; `cut_short` is the text of an answer
    that did not come to its end."""
    model = _BY_NAME[turn.model]
    stage, code = _ERRORS.get(turn.ending, ("", ""))
    entry = Entry(day, person_name(turn.person), turn.model, turn.status, stage=stage, code=code)
    if turn.ending is Ending.SHUT:
        entry.was_called = False
        return entry
    entry.currency = model.currency
    if turn.ending is Ending.DONE:
        entry.confidence, entry.prompt, entry.completion = "reported", turn.prompt, turn.words
        entry.cached, entry.reasoning = turn.cached, turn.reasoning
        entry.cost = cost(model, turn.prompt, turn.words, turn.cached)
    elif said := _heard(turn, cut_short):
        _estimate(entry, model, turn, said)
    return entry


def _heard(turn: Turn, cut_short: str) -> str:
    if turn.ending in CUT_SHORT:
        return cut_short
    return "" if turn.ending in (Ending.REFUSED, Ending.THROTTLED) else text(turn.words)


def _estimate(entry: Entry, model: Model, turn: Turn, said: str) -> None:
    """As the product does where nobody reported anything, also if its server died."""
    entry.confidence, entry.completion = "estimated", estimate(said)
    entry.prompt = estimate(turn.question) + AROUND_A_MESSAGE
    entry.cost = cost(model, entry.prompt, entry.completion)


# ── The days before ──────────────────────────────────────────────────────────


def days(today: date) -> list[date]:
    """The days of the week, today the last."""
    return [today - timedelta(days=number) for number in reversed(range(DAYS))]


def past(count: int, people: int, today: date, zone: tzinfo, seed: int) -> list[Entry]:
    """About `count` entries of the days before today, in the order of time."""
    dice = random.Random(seed + 1)  # noqa: S311  # nothing to be kept secret
    before = days(today)[:-1]
    entries = [_past_entry(dice, people, dice.choice(before), zone) for _ in range(count)]
    return sorted(entries, key=lambda entry: entry.at)


def _past_entry(dice: random.Random, people: int, day: date, zone: tzinfo) -> Entry:
    """One of any kind, at any minute of its day."""
    moment = datetime.combine(day, time(dice.randrange(24), dice.randrange(60)), zone)
    model = dice.choice(MODELS)
    turn = _turn(dice, 0, people, dice.choice(_OF_THE_PAST))
    turn.model = SHUT.name if turn.ending is Ending.SHUT else model.name
    said = text(dice.randint(1, turn.words))
    entry = entry_of(turn, day.isoformat(), said)
    entry.at = moment.astimezone(UTC).isoformat()
    return entry if dice.random() < _CHATS else _picture(dice, entry, model)


_OF_THE_PAST: Final[Sequence[Ending]] = (Ending.DONE, Ending.DONE, Ending.DONE, *Ending)
_CHATS: Final = 0.95


def _picture(dice: random.Random, entry: Entry, model: Model) -> Entry:
    """Pictures of the same person and moment: units, and no tokens."""
    return Entry(
        entry.day,
        entry.person,
        model.name,
        "done",
        kind="image",
        units=dice.randint(1, 4),
        currency=model.currency,
        at=entry.at,
    )
