"""Our daphne, in a process of its own, with real connections."""

from __future__ import annotations

import base64
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests import processes

pytestmark = pytest.mark.server

COMMAND = [sys.executable, "-m", "tests.chatsite.small_server"]


class SmallServer(processes.Process):
    """The process of small_server.py."""

    @property
    def port(self) -> int:
        return int(self.expect(r"open on (\d+)")[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def opened_websocket(port: int) -> Iterator[socket.socket]:
    """Hold open a connection after the handshake, of which nothing more was read."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            (
                f"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        assert b"101" in connection.recv(12)
        yield connection


@contextmanager
def opened_stream(port: int) -> Iterator[socket.socket]:
    """Hold open a connection with an answer that does not end, of which nothing more was read."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        connection.sendall(f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert b"200" in connection.recv(12)
        yield connection


ENDLESS = pytest.mark.parametrize("opened", [opened_websocket, opened_stream])


@pytest.fixture
def small_server(tmp_path):
    process = SmallServer(COMMAND, tmp_path / "server.log")
    with processes.ended(process):
        process.expect("open on")
        yield process


def frames_taken(small_server) -> int:
    return int(httpx.get(small_server.url + "/sent").text)


def settled_frames(small_server) -> int:
    """Wait until no more frames are taken from the application; return how many were."""
    before = -1
    for _ in range(50):
        now = frames_taken(small_server)
        if now == before:
            return now
        before = now
        time.sleep(0.2)
    raise AssertionError("the application is never made to wait")


def resident_kilobytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@ENDLESS
def test_a_reader_who_does_not_read_makes_the_application_wait(small_server, opened):
    memory = resident_kilobytes(small_server.pid)
    with opened(small_server.port) as connection:
        taken = settled_frames(small_server)
        # What the kernel buffers for a loopback connection is megabytes; what we hold is not.
        assert taken * 20 < 8 * 1024
        assert resident_kilobytes(small_server.pid) - memory < 8 * 1024

        for _ in range(400):
            connection.recv(65536)
        assert settled_frames(small_server) > taken


@ENDLESS
def test_a_reader_who_goes_while_we_wait_for_him_releases_the_application(small_server, opened):
    with opened(small_server.port):
        taken = settled_frames(small_server)
    # Frames for nobody are dropped, so the application runs on until it hears of the end.
    processes.wait_until(lambda: frames_taken(small_server) > taken)
    assert small_server.stop() == 0


def test_what_runs_around_the_application_begins_before_and_ends_after_the_port(small_server):
    assert httpx.get(small_server.url).text == "hello"
    assert small_server.stop() == 0
    words = small_server.output.split()
    assert words[0] == "started"
    assert words.index("stopping") < words.index("stopped") < words.index("over")


def test_ctrl_c_ends_it_quietly_with_connections_open(small_server):
    address = ("127.0.0.1", small_server.port)
    with (
        socket.create_connection(address),
        socket.create_connection(address) as half,
        opened_websocket(small_server.port),
    ):
        half.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        assert small_server.interrupt() == 0
    assert small_server.output.split()[-3:] == ["stopping", "stopped", "over"]


def test_a_request_that_is_being_answered_is_answered_to_the_end(small_server):
    with socket.create_connection(("127.0.0.1", small_server.port)) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        time.sleep(0.2)
        assert small_server.stop() == 0
        assert connection.recv(65536).endswith(b"hello\r\n0\r\n\r\n")


def test_an_answer_that_breaks_in_the_middle_is_cut_off_and_the_server_goes_on(small_server):
    for _ in range(3):
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(small_server.url + "/broken", timeout=10)
    assert httpx.get(small_server.url).text == "hello"


def test_a_second_signal_does_not_wait_for_answers_in_flight(tmp_path):
    process = SmallServer(COMMAND, tmp_path / "server.log", {"STOP_TAKES": "60"})
    with processes.ended(process):
        process.expect("open on")
        os.kill(process.pid, 15)
        process.expect("stopping")
        assert process.stop(within=10) == 0
        assert "stopped" not in process.output.split()


def test_the_server_does_not_say_what_it_is(small_server):
    assert "server" not in httpx.get(small_server.url).headers
    with opened_websocket(small_server.port) as connection:
        assert b"server:" not in connection.recv(300).lower()
