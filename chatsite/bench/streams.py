"""`bench streams`: many answers at once through our server and through the relay, then long ones."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from chatsite.bench import processes
from chatsite.bench.load import Outcome, Plan, Seat
from chatsite.bench.processes import Child
from chatsite.bench.profile import Profile
from chatsite.bench.rows import Chair

WARM_UP = (3, 100, 100.0)
"""Answers, tokens and tokens a second that make both servers load what they need."""
LONG_STREAMS = 4
LONG_RATE = 1000.0
SHARE = 20
"""A long answer is compared with this many rounds of answers that are this many times shorter."""
STARTS_WITHIN = 120.0
SLACK = 60.0
"""Seconds that answers may take longer than the service needs to speak them."""

Say = Callable[[str], None]


class Options(msgspec.Struct):
    """What to measure: answers at once, tokens of each, tokens a second, tokens of a long answer
    (0: none), how often all is repeated, and the file for a profile, if one is wanted."""

    streams: int
    tokens: int
    rate: float
    long: int
    rounds: int
    profile: str | None = None


class Measured(msgspec.Struct):
    """All outcomes of a bench, in the order of their measurement."""

    rss_started_kib: int
    relay: list[Outcome]
    ours: list[Outcome]
    short: list[Outcome]
    long: list[Outcome]
    troubles: list[str]


@dataclass(frozen=True, slots=True)
class _Server:
    """A server to be measured: the seats that are still free in it, and its process."""

    kind: str
    process: Child
    seats: Iterator[Seat]


def measure(options: Options, say: Say) -> Measured:
    """Run the whole bench. Raises ProcessFailed if a part of it does not work at all."""
    with tempfile.TemporaryDirectory(prefix="chatsite-bench-") as folder, ExitStack() as stack:
        bench = _Bench(options, say, Path(folder), stack)
        return bench.run()


class _Bench:
    """The processes of one run, and what is done with them."""

    def __init__(self, options: Options, say: Say, folder: Path, stack: ExitStack) -> None:
        self._options = options
        self._say = say
        self._folder = folder
        self._stack = stack

    def run(self) -> Measured: ...
