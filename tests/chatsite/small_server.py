"""A server process of ours around a small application, for test_server.py.

`/` answers "hello". `/slow` answers after two seconds. A websocket is sent one frame of 20 kB after
the other, and so is who asks for `/stream`; `/sent` tells how many frames were taken from the
application so far. `/broken` breaks in the middle of its answer.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys

from chatsite.server import Server

FRAME = "x" * 20_000
sent = 0


async def application(scope, receive, send):
    await {"http": page, "websocket": firehose}[scope["type"]](scope, receive, send)


async def page(scope, receive, send):
    if scope["path"] in PATHS:
        await PATHS[scope["path"]](send)
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(2)
    body = str(sent) if scope["path"] == "/sent" else "hello"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})


async def stream(send):
    global sent
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": FRAME.encode(), "more_body": True})
        sent += 1
        await asyncio.sleep(0)


async def broken(send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("broken in the middle")


PATHS = {"/stream": stream, "/broken": broken}


async def firehose(scope, receive, send):
    global sent
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "text": FRAME})
        sent += 1
        await asyncio.sleep(0)


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def start():
    say("started")


async def stop():
    say("stopping")
    await asyncio.sleep(float(os.environ.get("STOP_TAKES", "0.5")))
    say("stopped")


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = Server(
        application, listener, start=start, stop=stop, on_open=lambda: say(f"open on {port}")
    )
    is_fine = server.run()
    say("over")
    sys.exit(0 if is_fine else 1)
