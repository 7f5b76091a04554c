"""Server-sent events, cut out of bytes by hand: docs/decisions says why not by a library."""

import codecs

FRAME_LIMIT = 1024 * 1024
"""Bytes an event may have; nobody says that much in one breath."""


class FrameTooLong(Exception):
    """An event outgrew `FRAME_LIMIT`."""


class Frames:
    """Cuts a stream of bytes into the data of its events (WHATWG HTML, server-sent events).

    Lines end in LF, CR LF or CR, an event at a blank line. Comments, `event:` and `id:` carry
    nothing a chat needs and are passed over. It never looks inside the data, so a character may
    be split between two reads.
    """

    __slots__ = ("_after_cr", "_begun", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._after_cr = False

    def feed(self, data: bytes) -> tuple[list[bytes], bool]:
        """Take what has arrived; return the data of the events it completes, and True
        if what follows them is too long to be an event."""
        buffer = self._rest + self._with_line_feeds(data)
        if not self._begun:
            buffer = self._without_mark(buffer)
        *frames, self._rest = buffer.split(b"\n\n")
        if len(buffer) > FRAME_LIMIT:
            for number, frame in enumerate((*frames, self._rest)):
                if len(frame) > FRAME_LIMIT:
                    return _payloads(frames[:number]), True
        return _payloads(frames), False

    def finish(self) -> list[bytes]:
        """Return the data of an event that the end of the stream left without its blank line."""
        rest, self._rest = self._rest, b""
        return _payloads([rest.removesuffix(b"\n")])

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


def _payloads(frames: list[bytes]) -> list[bytes]:
    return [data for frame in frames if (data := _data(frame))]


def _data(frame: bytes) -> bytes:
    if frame.startswith(b"data: ") and b"\n" not in frame:
        return frame[6:]
    lines = (line[5:].removeprefix(b" ") for line in frame.split(b"\n") if _is_data(line))
    return b"\n".join(lines)


def _is_data(line: bytes) -> bool:
    return line.startswith(b"data:") or line == b"data"
