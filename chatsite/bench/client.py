"""`bench client`: what reading a stream costs, beside what others read it with, in the same run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from chatsite.bench import processes
from chatsite.bench.client_readers import Kind, Read

GOALS: dict[Kind, float] = {"httpx-sse": 0.8, "openai": 0.5}
"""The most that our CPU a chunk should be, as a part of theirs."""
NAMES: dict[Kind, str] = {
    "ours": "text_stream",
    "httpx-sse": "httpx-sse and json.loads",
    "openai": "the openai package",
}

Say = Callable[[str], None]


class Options(msgspec.Struct):
    """What to measure: the chunks of a stream, and how many rounds."""

    chunks: int
    rounds: int


class Measured(msgspec.Struct):
    """The median CPU a chunk, in microseconds, of each kind of reader, and what went wrong."""

    options: Options
    microseconds: dict[Kind, float]
    troubles: list[str]

    def ratio(self, kind: Kind) -> float:
        """Our CPU as a part of another's."""
        return self.microseconds["ours"] / self.microseconds[kind]


def measure(options: Options, say: Say) -> Measured:
    """Have each kind read the same stream in turn, so that the machine's moods meet all of them.

    Raises ProcessFailed if a reader does not do its part.
    """
    reads: dict[Kind, list[Read]] = {kind: [] for kind in NAMES}
    with tempfile.TemporaryDirectory(prefix="chatsite-bench-") as folder:
        listener, address = processes.listening()
        upstream = processes.running(
            "upstream",
            processes.python("-m", "chatsite.bench.upstream", str(listener.fileno())),
            Path(folder),
            listener=listener,
        )
        with listener, upstream:
            for number in range(1, options.rounds + 1):
                say(f"Round {number} of {options.rounds}: {options.chunks} chunks …")
                for kind in NAMES:
                    reads[kind].append(_read(kind, f"http://{address}/v1", options.chunks))
    return Measured(
        options=options,
        microseconds={
            kind: median(read.cpu_seconds for read in done) * 1e6 / options.chunks
            for kind, done in reads.items()
        },
        troubles=[
            f"{kind}: {read.trouble}" for kind in reads for read in reads[kind] if read.trouble
        ],
    )


def table(measured: Measured) -> str:
    """The figures, for a terminal."""
    lines = [f"CPU a chunk, {measured.options.chunks} chunks"]
    for kind, name in NAMES.items():
        line = f"  {name:26} {measured.microseconds[kind]:8.2f} us"
        if kind in GOALS:
            ratio, goal = measured.ratio(kind), GOALS[kind]
            verdict = "reached" if ratio <= goal else "missed"
            line += f"   ours is {ratio:.2f} of it, goal ≤ {goal:g}, {verdict}"
        lines.append(line)
    return "\n".join(lines)


def _read(kind: Kind, base_url: str, chunks: int) -> Read:
    command = processes.python("-m", "chatsite.bench.client_readers", kind, base_url, str(chunks))
    return msgspec.json.decode(processes.answer_of(command), type=Read)
