"""Server-sent events, cut out of bytes by hand: docs/decisions says why not by a library."""

import codecs

from httpx_sse import ServerSentEvent

FRAME_LIMIT = 1024 * 1024
"""Bytes an event may have; nobody says that much in one breath."""


class Frames:
    """Cuts a stream of bytes into its events (WHATWG HTML, server-sent events).

    Lines end in LF, CR LF or CR, an event at a blank line. An event is handed out whole, all its
    lines ended by LF: `payloads` finds the data in it, `EventDecoder` everything. It never looks
    inside, so a character may be split between two reads.
    """

    __slots__ = ("_after_cr", "_begun", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._after_cr = False

    def cut(self, data: bytes) -> tuple[list[bytes], bool]:
        """Take what has arrived; return the events it completes, and True
        if what follows them is too long to be an event."""
        buffer = self._rest + self._with_line_feeds(data)
        if not self._begun:
            buffer = self._without_mark(buffer)
        *frames, self._rest = buffer.split(b"\n\n")
        if len(buffer) > FRAME_LIMIT:
            for number, frame in enumerate((*frames, self._rest)):
                if len(frame) > FRAME_LIMIT:
                    return frames[:number], True
        return frames, False

    def rest(self) -> list[bytes]:
        """Return the event that the end of the stream left without its blank line."""
        rest, self._rest = self._rest, b""
        return [rest.removesuffix(b"\n")] if rest else []

    def _with_line_feeds(self, data: bytes) -> bytes:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            # This CR has ended its line already; only an LF right behind it is part of it.
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _without_mark(self, buffer: bytes) -> bytes:
        """Drop the byte order mark that a stream may begin with, once three bytes are there."""
        self._begun = len(buffer) >= len(codecs.BOM_UTF8)
        return buffer.removeprefix(codecs.BOM_UTF8)


class EventDecoder:
    """Turns the whole events of one stream into httpx-sse's values, nothing left out.

    An id holds until another is said; an event without data is none (WHATWG HTML).
    """

    def __init__(self) -> None:
        self._last_id = ""

    def decode(self, frame: bytes) -> ServerSentEvent | None:
        """Return the event in the lines of `frame`, None if they have no data."""
        said: dict[str, str] = {}
        data: list[str] = []
        for name, value in map(_field, frame.decode(errors="replace").split("\n")):
            if name == "data":
                data.append(value)
            elif _is_valid(name, value):
                said[name] = value
        self._last_id = said.get("id", self._last_id)
        text = "\n".join(data)
        if not text:
            return None
        retry = int(said["retry"]) if "retry" in said else None
        return ServerSentEvent(said.get("event"), text, self._last_id, retry)


def _field(line: str) -> tuple[str, str]:
    """The name and value of a line; a comment has no name."""
    name, _, value = line.partition(":")
    return name, value.removeprefix(" ")


def _is_valid(name: str, value: str) -> bool:
    """What is not is passed over, as if it had not been said."""
    return not (name == "id" and "\0" in value) and not (name == "retry" and not value.isdecimal())


def payloads(frames: list[bytes]) -> list[bytes]:
    """Return the data of whole events, all that a chat needs; those that have none are left out."""
    return [data for frame in frames if (data := _data(frame))]


def _data(frame: bytes) -> bytes:
    if frame.startswith(b"data: ") and b"\n" not in frame:
        return frame[6:]
    lines = (line[5:].removeprefix(b" ") for line in frame.split(b"\n") if _is_data(line))
    return b"\n".join(lines)


def _is_data(line: bytes) -> bool:
    return line.startswith(b"data:") or line == b"data"
