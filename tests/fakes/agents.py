"""The agents of an environment, which CloudBase calls bots: every call, and what it remembers.

Sources: CloudBase HTTP API, AI bot; the vendor's own agent pages. Bodies of success that are not
documented (files, deleted conversations) are `{}` here, or nothing at all by a quirk.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.agent_speech import Speech
from tests.fakes.gateway import Refusal
from tests.fakes.quirks import Quirks

if TYPE_CHECKING:
    from tests.fakes.environment import CloudBaseEnvironment

BOT_ID = "bot-2a9c"
_MOST_CONVERSATIONS = 100
"""The largest `limit` of a list of conversations."""


@dataclass
class AgentScript:
    """One answer of an agent: `frames` as they are, then `think`, then `say`, each piece a frame.

    `frames` are what is neither: search results, knowledge, tool calls; common members are added.
    """

    say: Sequence[str] = ("Good ", "day.")
    think: Sequence[str] = ()
    frames: Sequence[dict[str, Any]] = ()
    finish_reason: str = "stop"
    error: dict[str, Any] | None = None
    """In the last frame, whose finish_reason is then `error`."""
    ends_with_done: bool = True
    delay: float = 0.0
    """Seconds before each frame."""


def _bots() -> dict[str, dict[str, Any]]:
    bot = {
        "botId": BOT_ID,
        "name": "Translator",
        "introduction": "Chinese and English",
        "welcomeMessage": "Hello!",
        "avatar": "https://img.example/a.png",
        "background": "",
        "isNeedRecommend": True,
        "type": "text",
        "searchEnable": False,
        "enable": True,
    }
    return {BOT_ID: bot}


@dataclass
class Memory:
    """What the agents know and were told; all of it may be changed."""

    bots: dict[str, dict[str, Any]] = field(default_factory=_bots)
    records: list[dict[str, Any]] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    conversations: list[dict[str, Any]] = field(default_factory=list)


class Agents:
    """Answers every call about agents; `script` is what they say, `memory` what they keep."""

    def __init__(self, environment: "CloudBaseEnvironment") -> None:
        self._environment = environment
        self.script = AgentScript()
        self.questions = ("How do I start?", "What does it cost?")
        """What `recommend-questions` suggests."""
        self.memory = Memory()
        self.speech = Speech()

    def tell(self, **changes: Any) -> None:
        """Change members of the script."""
        self.script = replace(self.script, **changes)

    def routes(self) -> list[web.RouteDef]:
        """Every call, with and without a slash at the end."""
        bot = "/v1/aibot/bots/{bot_id}"
        plain = [
            web.get("/v1/aibot/bots", self._list),
            web.get(bot, self._get),
            web.post(f"{bot}/send-message", self._send_message),
            web.post(f"{bot}/recommend-questions", self._recommend),
            web.get(f"{bot}/records", self._list_records),
            web.post(f"{bot}/feedback", self._take_feedback),
            web.get(f"{bot}/feedback", self._list_feedback),
            web.post(f"{bot}/files", self._take_files),
            web.post(f"{bot}/conversation", self._create_conversation),
            web.get(f"{bot}/conversation", self._list_conversations),
            web.delete(f"{bot}/conversation/{{conversation_id}}", self._delete_conversation),
            web.post(f"{bot}/speech-to-text", self.speech.to_text),
            web.post(f"{bot}/text-to-speech", self.speech.from_text),
            web.get(f"{bot}/text-to-speech", self.speech.result),
        ]
        slashed = [web.route(one.method, f"{one.path}/", one.handler) for one in plain]
        return plain + slashed

    def check(self, path: str) -> None:
        """Refuse a call about a bot that is not there; `path` is the request's."""
        parts = path.strip("/").split("/")
        if len(parts) > 3 and parts[3] not in self.memory.bots:
            raise Refusal("AGENT_GET_INFO_ERROR", f"no agent {parts[3]}")

    # ── the agents themselves ───────────────────────────────────────────────

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        found = [
            bot
            for bot in self.memory.bots.values()
            if query.get("name", "") in bot["name"]
            and query.get("introduction", "") in bot["introduction"]
            and query.get("enable", "true") == str(bot.get("enable", True)).lower()
        ]
        page = _page(found, query.get("pageSize"), query.get("pageNumber"))
        return web.json_response({"total": len(found), "botList": page})

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self.memory.bots[request.match_info["bot_id"]])

    # ── talking ─────────────────────────────────────────────────────────────

    async def _send_message(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        if not body.get("msg"):
            raise Refusal("AGENT_INVALID_PARAM", "msg is required")
        script = self.script
        record_id = self.remember(request.match_info["bot_id"], body["msg"], "".join(script.say))
        return await self._streamed(request, script, record_id)

    async def _recommend(self, request: web.Request) -> web.StreamResponse:
        script = AgentScript(say=["\n".join(self.questions)])
        return await self._streamed(request, script, "record-82")

    async def _streamed(
        self, request: web.Request, script: AgentScript, record_id: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"X-Request-Id": "req-1"})
        response.content_type = "text/event-stream"
        await response.prepare(request)
        for frame in _frames(script, record_id, self._environment.quirks):
            await self._environment.may_go_on()
            await asyncio.sleep(script.delay)
            data = json.dumps(frame, ensure_ascii=False)
            await response.write(f"data: {data}\n\n".encode())
        if script.ends_with_done:
            await response.write(b"data: [DONE]\n\n")
        return response

    def remember(self, bot_id: str, question: str, answer: str) -> str:
        """Keep both sides as records; return the id of the answer's."""
        number = len(self.memory.records)
        asked, answered = f"record-{number + 1}", f"record-{number + 2}"
        self.memory.records += [
            _record(bot_id, asked, "user", question, ""),
            _record(bot_id, answered, "assistant", answer, asked),
        ]
        return answered

    async def _list_records(self, request: web.Request) -> web.Response:
        query = request.query
        if query.get("sort") not in ("asc", "desc"):
            raise Refusal("AGENT_INVALID_PARAM", "sort is asc or desc")
        found = self._of_bot(request, self.memory.records)
        if query["sort"] == "desc":
            found.reverse()
        page = _page(found, query.get("pageSize"), query.get("pageNumber"))
        return web.json_response({"total": len(found), "recordList": page})

    # ── feedback and files ──────────────────────────────────────────────────

    async def _take_feedback(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if body.get("type") not in ("upvote", "downvote") or not body.get("recordId"):
            raise Refusal("AGENT_INVALID_PARAM", "type or recordId is wrong")
        self.memory.feedback.append(body | {"botId": request.match_info["bot_id"]})
        return web.json_response({"status": "success"})

    async def _list_feedback(self, request: web.Request) -> web.Response:
        query = request.query
        found = [
            one
            for one in self._of_bot(request, self.memory.feedback)
            if query.get("type", one["type"]) == one["type"]
            and float(query.get("minRating", 0)) <= one.get("rating", 0)
            and one.get("rating", 0) <= float(query.get("maxRating", 5))
        ]
        page = _page(found, query.get("pageSize"), query.get("pageNumber"))
        return web.json_response({"total": len(found), "feedbackList": page})

    async def _take_files(self, request: web.Request) -> web.Response:
        files = (await _body(request)).get("fileList", [])
        if not files or not all(file.keys() >= {"fileName", "fileId", "type"} for file in files):
            raise Refusal("AGENT_INVALID_PARAM", "fileList is wrong")
        self.memory.files += files
        return self._done()

    # ── conversations ───────────────────────────────────────────────────────

    async def _create_conversation(self, request: web.Request) -> web.Response:
        now = _iso(time.time())
        conversation = {
            "conversationId": f"conv-{len(self.memory.conversations) + 1}",
            "title": (await _body(request)).get("title", ""),
            "createTime": now,
            "updateTime": now,
        }
        bot_id = {"botId": request.match_info["bot_id"]}
        self.memory.conversations.append(conversation | bot_id)
        return web.json_response(conversation, status=201)

    async def _list_conversations(self, request: web.Request) -> web.Response:
        limit = int(request.query.get("limit", 10))
        first = int(request.query.get("offset", 0))
        if not 0 < limit <= _MOST_CONVERSATIONS:
            raise Refusal("AGENT_INVALID_PARAM", "limit is at most 100")
        found = self._of_bot(request, self.memory.conversations)
        return web.json_response({"data": found[first : first + limit], "total": len(found)})

    async def _delete_conversation(self, request: web.Request) -> web.Response:
        doomed = request.match_info["conversation_id"]
        kept = [one for one in self.memory.conversations if one["conversationId"] != doomed]
        if len(kept) == len(self.memory.conversations):
            raise Refusal("AGENT_INVALID_PARAM", f"no conversation {doomed}")
        self.memory.conversations = kept
        return self._done()

    def _done(self) -> web.Response:
        if self._environment.quirks.agent_bodies_are_empty:
            return web.Response(status=204)
        return web.json_response({})

    def _of_bot(self, request: web.Request, all_of_them: list[dict[str, Any]]) -> list[Any]:
        return [one for one in all_of_them if one["botId"] == request.match_info["bot_id"]]


def _frames(script: AgentScript, record_id: str, quirks: Quirks) -> Iterator[dict[str, Any]]:
    """The frames of an answer; usage counts every piece as one token."""
    pieces = [*script.frames]
    pieces += [{"type": "thinking", "reasoning_content": piece} for piece in script.think]
    pieces += [{"type": "text", "content": piece} for piece in script.say]
    if script.error is not None:
        pieces.append({"type": "text", "error": script.error})
    for number, piece in enumerate(pieces, start=1):
        is_last = number == len(pieces)
        reason = "error" if script.error is not None else script.finish_reason
        yield {
            "created": _time(quirks),
            "record_id": record_id,
            "model": "hunyuan",
            "version": "1",
            "role": "assistant",
            "content": "",
            quirks.finish_reason_is_called: reason if is_last else "continue",
            "reasoning_content": "",
            "usage": _usage(number, quirks),
            **piece,
        }


def _time(quirks: Quirks) -> int | str:
    return "1760000000" if quirks.times_are_text else 1760000000


def _usage(completion: int, quirks: Quirks) -> dict[str, int]:
    counted = {"prompt": 12, "completion": completion, "total": 12 + completion}
    ending = "Tokens" if quirks.agent_usage_is_camel_case else "_tokens"
    return {f"{name}{ending}": tokens for name, tokens in counted.items()}


def _record(bot_id: str, record_id: str, role: str, content: str, reply_to: str) -> dict[str, Any]:
    return {
        "botId": bot_id,
        "recordId": record_id,
        "role": role,
        "content": content,
        "conversation": "user-1",
        "type": "text",
        "image": "",
        "triggerSrc": "TCB",
        "replyTo": reply_to,
        "createTime": _iso(time.time()),
    }


def _page(found: Sequence[Any], size: str | None, number: str | None) -> Sequence[Any]:
    length = int(size or 10)
    first = (int(number or 1) - 1) * length
    return found[first : first + length]


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


async def _body(request: web.Request) -> Mapping[str, Any]:
    body: Mapping[str, Any] = json.loads(await request.read() or b"{}")
    return body
