"""Agents, which CloudBase calls bots (CloudBase documents, class Bot; gateway, /v1/aibot)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal
from urllib.parse import quote

from chat.cloudbase import errors, refusals
from chat.cloudbase.bot_streams import BotStream, open_stream
from chat.cloudbase.bot_values import (
    Bot,
    BotFile,
    BotList,
    ChatRecords,
    Conversation,
    Conversations,
    FeedbackList,
    Speech,
    SpeechTask,
    Transcript,
    UserFeedback,
)
from chat.cloudbase.encoding import encoded
from chat.cloudbase.transport import Call, Endpoint, HttpPool

MOST_CONVERSATIONS: Final = 100
"""On one page (CloudBase API reference, `limit`)."""

Query = Mapping[str, str | int | bool | None]
History = Sequence[Mapping[str, Any]]
"""What was said before: objects with `role` and `content`."""


class Bots:
    """The agents of an environment.

    Parameters are the documents' in snake_case; one that is None is not sent. Every call raises
    CloudBaseError: IllegalBotRequest before anything is sent, afterwards what the service said,
    also inside an HTTP 200. Ids may be any text, except that an empty one is BotIdIllegal. What
    creates something or is paid for is not sent again once it may have arrived.
    """

    def __init__(self, endpoint: Endpoint, http: HttpPool) -> None:
        """What `app.ai().bot` is."""
        self._endpoint = endpoint
        self._http = http

    async def get(self, *, bot_id: str) -> Bot:
        """Return an agent."""
        return Bot.read(await self._get(_bot(bot_id)))

    async def list(
        self,
        *,
        page_number: int = 1,
        page_size: int = 10,
        enable: bool | None = None,
        name: str | None = None,
        information: str | None = None,
        introduction: str | None = None,
    ) -> BotList:
        """Return a page of the agents; the three texts are searched for, an empty one filters
        nothing."""
        query: Query = {
            **_page(page_number, page_size),
            "enable": enable,
            "name": name,
            "information": information,
            "introduction": introduction,
        }
        return BotList.read(await self._get("bots", query))

    async def send_message(
        self,
        *,
        bot_id: str,
        msg: str,
        history: History | None = None,
        files: Sequence[str] | None = None,
        search_enable: bool | None = None,
        conversation_id: str | None = None,
    ) -> BotStream:
        """Say something to an agent; return its answer as streams, once it begins to come.

        `files` are ids in cloud storage or public addresses. `search_enable` lets the agent search
        the web, if it may. `conversation_id` is for agents with several conversations.
        """
        return await self._stream(
            _bot(bot_id, "send-message"),
            {
                "botId": bot_id,
                "msg": msg,
                "history": history,
                "files": files,
                "searchEnable": search_enable,
                "conversationId": conversation_id,
            },
        )

    async def get_recommend_questions(
        self,
        *,
        bot_id: str,
        msg: str,
        name: str = "",
        introduction: str = "",
        agent_setting: str = "",
        history: History = (),
    ) -> BotStream:
        """Return questions that one might ask next: a stream whose `lines()` are the questions."""
        return await self._stream(
            _bot(bot_id, "recommend-questions"),
            {
                "botId": bot_id,
                "name": name,
                "introduction": introduction,
                "agentSetting": agent_setting,
                "msg": msg,
                "history": history,
            },
        )

    async def get_chat_records(
        self,
        *,
        bot_id: str,
        sort: Literal["asc", "desc"],
        page_size: int = 10,
        page_number: int = 1,
        conversation_id: str | None = None,
    ) -> ChatRecords:
        """Return a page of what was said, the oldest first ("asc") or the newest ("desc")."""
        query: Query = {
            "sort": sort,
            **_page(page_number, page_size),
            "conversationId": conversation_id,
        }
        return ChatRecords.read(await self._get(_bot(bot_id, "records"), query))

    async def send_feedback(
        self, *, user_feedback: UserFeedback, bot_id: str | None = None
    ) -> Mapping[str, Any]:
        """Say what somebody thought of an answer; return the answer's object, {} if it is empty.

        The agent is `bot_id`, or else the one that the feedback names.
        """
        told = user_feedback if bot_id is None else replace(user_feedback, bot_id=bot_id)
        return await self._post(_bot(told.bot_id, "feedback"), told.members())

    async def get_feedback(
        self,
        *,
        bot_id: str,
        type: Literal["upvote", "downvote"] | None = None,
        sender: str | None = None,
        sender_filter: Literal["include", "exclude", "equal", "unequal", "prefix"] | None = None,
        min_rating: int | None = None,
        max_rating: int | None = None,
        from_: int | None = None,
        to: int | None = None,
        page_size: int = 10,
        page_number: int = 1,
    ) -> FeedbackList:
        """Return a page of the feedback between two times in Unix seconds; the documents' own
        example gives 0 and 0 for no limit. `from_` is their `from`, which Python keeps."""
        query: Query = {
            "type": type,
            "sender": sender,
            "senderFilter": sender_filter,
            "minRating": min_rating,
            "maxRating": max_rating,
            "from": from_,
            "to": to,
            **_page(page_number, page_size),
        }
        return FeedbackList.read(await self._get(_bot(bot_id, "feedback"), query))

    async def upload_files(self, *, bot_id: str, file_list: Sequence[BotFile]) -> Mapping[str, Any]:
        """Make files in cloud storage known to an agent, for `send_message(files=…)`.

        Returns the answer's object, whose members nobody documents; {} if it is empty.
        """
        files = [file.members() for file in file_list]
        return await self._post(_bot(bot_id, "files"), {"botId": bot_id, "fileList": files})

    async def create_conversation(self, *, bot_id: str, title: str | None = None) -> Conversation:
        """Begin a conversation."""
        return Conversation.read(await self._post(_bot(bot_id, "conversation"), {"title": title}))

    async def get_conversation(
        self,
        *,
        bot_id: str,
        page_size: int = 10,
        page_number: int = 1,
        is_default: bool | None = None,
    ) -> Conversations:
        """Return a page of at most 100 conversations; `is_default` asks for the default one."""
        _check_page(page_number, page_size)
        if page_size > MOST_CONVERSATIONS:
            raise errors.PageTooLarge(field="pageSize", value=page_size, maximum=MOST_CONVERSATIONS)
        query: Query = {
            "limit": page_size,
            "offset": page_size * (page_number - 1),
            "isDefault": is_default,
        }
        return Conversations.read(await self._get(_bot(bot_id, "conversation"), query))

    async def delete_conversation(self, *, bot_id: str, conversation_id: str) -> Mapping[str, Any]:
        """Delete a conversation; return the answer's object, {} if it is empty."""
        path = _bot(bot_id, "conversation", _segment("conversationId", conversation_id))
        return await self._call(path, Call("DELETE", body=_json({})))

    async def speech_to_text(
        self,
        *,
        bot_id: str,
        eng_service_type: str,
        voice_format: str,
        url: str,
        is_preview: bool | None = None,
    ) -> Transcript:
        """Return what is said in the sound at a public address.

        `eng_service_type` (the documents' engSerViceType) is 16k_zh, 16k_zh-PY, 16k_zh_medical,
        16k_en or 16k_yue; `voice_format` mp3, wav, aac and others.
        """
        members = {
            "botId": bot_id,
            "engSerViceType": eng_service_type,
            "voiceFormat": voice_format,
            "url": url,
            "isPreview": is_preview,
        }
        return Transcript.read(await self._post(_bot(bot_id, "speech-to-text"), members))

    async def text_to_speech(
        self, *, bot_id: str, voice_type: int, text: str, is_preview: bool | None = None
    ) -> SpeechTask:
        """Begin to turn text into speech. Voices are 101004, 101005, 601004, 501001, 101010 and
        101035 (CloudBase API reference)."""
        members = {
            "botId": bot_id,
            "voiceType": voice_type,
            "text": text,
            "isPreview": is_preview,
        }
        return SpeechTask.read(await self._post(_bot(bot_id, "text-to-speech"), members))

    async def get_text_to_speech_result(
        self, *, bot_id: str, task_id: str, is_preview: bool | None = None
    ) -> Speech:
        """Return how far the speech is."""
        query: Query = {"taskId": task_id, "isPreview": is_preview}
        return Speech.read(await self._get(_bot(bot_id, "text-to-speech"), query))

    async def wait_for_speech(
        self,
        *,
        bot_id: str,
        task_id: str,
        is_preview: bool | None = None,
        every: float = 1.0,
        within: float = 60.0,
    ) -> Speech:
        """Ask for the speech every second until it is ready, and return it.

        `every` and `within` are seconds. Raises SpeechFailed when the service gives up on it, and
        SpeechNotReady when it is not there `within` the time; a status nobody documents is waited
        out. Not in the documents; the vendor's own interface does the same.
        """
        deadline = time.monotonic() + within
        while True:
            outcome = _outcome(
                await self.get_text_to_speech_result(
                    bot_id=bot_id, task_id=task_id, is_preview=is_preview
                )
            )
            if isinstance(outcome, errors.SpeechFailed):
                raise outcome
            if outcome is not None:
                return outcome
            if time.monotonic() + every > deadline:
                raise errors.SpeechNotReady(seconds=f"{within:g}")
            await asyncio.sleep(every)

    async def _get(self, path: str, query: Query | None = None) -> Mapping[str, Any]:
        return await self._call(path, Call("GET", query=query or {}))

    async def _post(self, path: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._call(path, Call(body=_json(members), is_repeatable=False))

    async def _call(self, path: str, call: Call) -> Mapping[str, Any]:
        """The object of the answer, {} for an empty one."""
        return refusals.parsed(await self._http.call(self._endpoint.at(path), call)) or {}

    async def _stream(self, path: str, members: Mapping[str, Any]) -> BotStream:
        return await open_stream(self._http, self._endpoint.at(path), _json(members))


def _outcome(speech: Speech) -> Speech | errors.SpeechFailed | None:
    """The speech, that there will be none, or None while neither is certain."""
    if speech.has_failed:
        return errors.SpeechFailed()
    return speech if speech.is_ready else None


def _bot(bot_id: str, *rest: str) -> str:
    return "/".join(("bots", _segment("botId", bot_id), *rest))


def _segment(field: str, text: str) -> str:
    """An id as a part of a path; the vendor's SDKs do not escape it."""
    if not text.strip("."):
        raise errors.BotIdIllegal(field=field)
    return quote(text, safe="")


def _page(page_number: int, page_size: int) -> Query:
    _check_page(page_number, page_size)
    return {"pageNumber": page_number, "pageSize": page_size}


def _check_page(page_number: int, page_size: int) -> None:
    for field, value in (("pageNumber", page_number), ("pageSize", page_size)):
        if value < 1:
            raise errors.PageTooSmall(field=field, value=value, minimum=1)


def _json(members: Mapping[str, Any]) -> bytes:
    return encoded({name: value for name, value in members.items() if value is not None})
