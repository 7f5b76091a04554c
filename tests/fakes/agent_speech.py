"""Agents that hear and speak (CloudBase HTTP API, AI bot: speech-to-text, text-to-speech)."""

import json
from typing import Final

from aiohttp import web

from tests.fakes.gateway import Refusal

ENGINES: Final = frozenset({"16k_zh", "16k_zh-PY", "16k_zh_medical", "16k_en", "16k_yue"})

_RUNNING, _DONE, _FAILED = 1, 2, 3


class Speech:
    """`heard` is what every recording says; a spoken text is ready after `polls` questions."""

    def __init__(self) -> None:
        self.heard = "what the weather is like today"
        self.polls = 1
        self.fails = False
        """Whether speaking ends with status 3."""
        self._asked: dict[str, int] = {}

    async def to_text(self, request: web.Request) -> web.Response:
        """Answer 201 with the text."""
        body = json.loads(await request.read())
        if body.get("engSerViceType") not in ENGINES or not body.get("url"):
            raise Refusal("AGENT_INVALID_PARAM", "engSerViceType or url is wrong")
        return web.json_response({"Result": self.heard}, status=201)

    async def from_text(self, request: web.Request) -> web.Response:
        """Answer 201 with a task."""
        body = json.loads(await request.read())
        if not body.get("text") or type(body.get("voiceType")) is not int:
            raise Refusal("AGENT_INVALID_PARAM", "text or voiceType is wrong")
        task_id = f"gz-{len(self._asked) + 1:04}"
        self._asked[task_id] = 0
        return web.json_response({"TaskId": task_id}, status=201)

    async def result(self, request: web.Request) -> web.Response:
        """Answer with the state of a task, and with the address once it is done."""
        task_id = request.query.get("taskId", "")
        if task_id not in self._asked:
            raise Refusal("AGENT_INVALID_PARAM", f"no task {task_id}")
        self._asked[task_id] += 1
        if self._asked[task_id] <= self.polls:
            return web.json_response({"TaskId": task_id, "Status": _RUNNING})
        if self.fails:
            return web.json_response({"TaskId": task_id, "Status": _FAILED})
        url = f"https://audio.example/{task_id}.mp3"
        return web.json_response({"TaskId": task_id, "Status": _DONE, "ResultUrl": url})
