"""A cable between a browser and a server that can be pulled and plugged in again."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Cable:
    """Forwards connections from a loopback port of its own to a server, while it is plugged in."""

    def __init__(self, server_url: str) -> None:
        address = urlsplit(server_url)
        self._server = (str(address.hostname), int(address.port or 80))
        self._port = 0
        self._listener: socket.socket | None = None
        self._ends: list[socket.socket] = []
        self._lets_through = threading.Event()
        self.plug()

    @property
    def url(self) -> str:
        """What a browser uses instead of the server's own address."""
        return f"http://127.0.0.1:{self._port}/"

    def plug(self) -> None:
        """Let connections through from now on."""
        self._lets_through.set()
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def pull(self) -> None:
        """Break every connection and refuse new ones."""
        assert self._listener is not None
        for end in (self._listener, *self._ends):
            with suppress(OSError):  # it was broken already
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def hold(self) -> None:
        """Swallow everything without breaking anything, as a network does that went away."""
        self._lets_through.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the listener was closed: the cable is pulled
            while True:
                near, _address = listener.accept()
                far = socket.create_connection(self._server)
                self._ends += (near, far)
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # one of the two was closed
            while data := source.recv(65536):
                if self._lets_through.is_set():
                    target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def plugged_into(server_url: str) -> Iterator[Cable]:
    """A cable to a server for as long as the block lasts."""
    cable = Cable(server_url)
    try:
        yield cable
    finally:
        cable.pull()
