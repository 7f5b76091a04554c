"""`bench streams`: many answers at once through our server and the relay, then long ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Literal

import msgspec

from chatsite.bench import processes, profiler
from chatsite.bench.load import Outcome, Plan, Seat
from chatsite.bench.processes import Child
from chatsite.bench.rows import Chair

WARM_UP_STREAMS, WARM_UP_TOKENS, WARM_UP_RATE = 3, 100, 100.0
"""Answers that make both servers load what they need."""
LONG_STREAMS, LONG_RATE = 4, 1000.0
"""Long answers at once, and their tokens a second."""
SHORTER, SHORT_ROUNDS = 20, 5
"""They are compared with answers so many times shorter, so many rounds of them."""
STARTS_WITHIN = 120.0
SLACK = 60.0
"""Seconds that answers may take beyond those that the service needs to speak them."""

Say = Callable[[str], None]


class Options(msgspec.Struct):
    """What to measure: answers at once, the tokens of each, tokens a second, how many rounds; the
    tokens of a long answer (0: none); and the file for a profile of one more round."""

    streams: int
    tokens: int
    rate: float
    rounds: int
    long: int
    profile: str | None = None


class Measured(msgspec.Struct):
    """All outcomes, in the order of their measurement.

    `rss_started_kib` is our server's memory before anybody came. `troubles` are those that the
    rows show which the bench left.
    """

    rss_started_kib: int
    relay: list[Outcome]
    ours: list[Outcome]
    short: list[Outcome]
    long: list[Outcome]
    troubles: list[str]


def measure(options: Options, say: Say) -> Measured:
    """Run the bench, telling its steps. Raises ProcessFailed if a part of it does not work."""
    with tempfile.TemporaryDirectory(prefix="chatsite-bench-") as folder, ExitStack() as stack:
        say("Starting the service, the relay and the server …")
        scene = _Scene(Path(folder), stack, options)
        started = processes.resident_kib(scene.ours.process.pid)
        for server in (scene.relay, scene.ours):
            scene.read(server, WARM_UP_STREAMS, WARM_UP_TOKENS, WARM_UP_RATE)
        relay, ours = _measure_many(scene, options, say)
        short, long = _measure_long(scene, options, say) if options.long else ([], [])
        if options.profile:
            _profile(scene, options, Path(options.profile), say)
        return Measured(started, relay, ours, short, long, scene.troubles())


def _measure_many(scene: _Scene, options: Options, say: Say) -> tuple[list[Outcome], list[Outcome]]:
    """The relay and our server in turn, so that what else this machine does meets both."""
    relay, ours = [], []
    for number in range(1, options.rounds + 1):
        say(f"Round {number} of {options.rounds}: {options.streams} answers at once …")
        relay.append(scene.read(scene.relay, options.streams, options.tokens, options.rate))
        ours.append(scene.read(scene.ours, options.streams, options.tokens, options.rate))
    return relay, ours


def _measure_long(scene: _Scene, options: Options, say: Say) -> tuple[list[Outcome], list[Outcome]]:
    tokens = max(1, options.long // SHORTER)
    say(f"Answers of {tokens} and of {options.long} tokens, {LONG_STREAMS} at once …")
    short = [scene.read(scene.ours, LONG_STREAMS, tokens, LONG_RATE) for _ in range(SHORT_ROUNDS)]
    return short, [scene.read(scene.ours, LONG_STREAMS, options.long, LONG_RATE)]


def _profile(scene: _Scene, options: Options, file: Path, say: Say) -> None:
    say(f"One more round under the profiler, into {file} …")
    with profiler.recording(scene.ours.process.pid, file):
        scene.read(scene.ours, options.streams, options.tokens, options.rate)


def _seats_needed(options: Options) -> int:
    rounds = options.rounds + bool(options.profile)
    long = LONG_STREAMS * (SHORT_ROUNDS + 1) if options.long else 0
    return WARM_UP_STREAMS + options.streams * rounds + long


@dataclass(frozen=True, slots=True)
class _Server:
    """A server to measure: its process, and the seats in it that are still free."""

    kind: Literal["page", "relay"]
    process: Child
    seats: Iterator[Seat]


class _Scene:
    """The synthetic service, the relay and our server, up and running until `stack` closes."""

    def __init__(self, folder: Path, stack: ExitStack, options: Options) -> None:
        self._folder = folder
        self._stack = stack
        self._variables = {
            "CHATSITE_DATA_DIR": str(folder / "data"),
            "DATABASE_URL": f"sqlite:///{folder}/data/chatsite.sqlite3",
            "REDIS_URL": "",
            "CHATSITE_PRIVATE_HOSTS": "127.0.0.1",  # the service that we start ourselves
            "CHATSITE_SEND_RATE": "1000000/s",  # nobody types as fast as this
        }
        self._upstream, self._base_url = self._start_upstream()
        self.relay = self._start_relay()
        self.ours = self._start_ours(_seats_needed(options))

    def read(self, server: _Server, streams: int, tokens: int, rate: float) -> Outcome:
        """Have so many answers read at once through `server`."""
        plan = Plan(
            kind=server.kind,
            seats=list(islice(server.seats, streams)),
            tokens=tokens,
            rate=rate,
            patience=tokens / rate + SLACK,
            upstream=self._base_url,
            server_pid=server.process.pid,
            upstream_pid=self._upstream.pid,
        )
        words = processes.python("-m", "chatsite.bench.load")
        return msgspec.json.decode(
            processes.answer_of(words, given=msgspec.json.encode(plan)), type=Outcome
        )

    def troubles(self) -> list[str]:
        """What is wrong with the rows that our server kept."""
        return msgspec.json.decode(self._rows("check-rows"), type=list[str])

    def _start_upstream(self) -> tuple[Child, str]:
        listener, address = processes.listening()
        with listener:
            command = processes.python("-m", "chatsite.bench.upstream", str(listener.fileno()))
            process = self._start("upstream", command, listener=listener)
        return process, f"http://{address}/v1"

    def _start_relay(self) -> _Server:
        listener, address = processes.listening()
        with listener:
            command = processes.python("-m", "daphne", "--fd", str(listener.fileno()))
            process = self._start(
                "relay",
                [*command, "chatsite.bench.relay:application"],
                variables={"UPSTREAM_URL": self._base_url},
                listener=listener,
            )
        seats = (Seat(f"ws://{address}/", f"relay-{number}") for number in count())
        return _Server("relay", process, seats)

    def _start_ours(self, seats: int) -> _Server:
        chairs = msgspec.json.decode(
            self._rows("make-rows", self._base_url, str(seats)), type=list[Chair]
        )
        command = processes.python("manage.py", "up", "--no-model", "--port", "0")
        process = self._start("ours", command, variables=self._variables)
        url = process.expect(r"Serving on (\S+)/", STARTS_WITHIN)[1]
        return _Server("page", process, (_seat(url, chair) for chair in chairs))

    def _start(self, name: str, command: list[str], **more: Any) -> Child:
        return self._stack.enter_context(processes.running(name, command, self._folder, **more))

    def _rows(self, *words: str) -> bytes:
        command = processes.python("manage.py", "bench", *words)
        return processes.answer_of(command, variables=self._variables)


def _seat(url: str, chair: Chair) -> Seat:
    address = f"{url.replace('http', 'ws', 1)}/ws/conversations/{chair.conversation}/?seen=0"
    headers = {"Cookie": chair.cookie, "Origin": url}
    return Seat(address, f"page-{chair.conversation}", headers, chair.model)
