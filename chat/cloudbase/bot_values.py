"""What agents give back, and what they are given: frozen values, read tolerantly.

Sources: CloudBase documents (BotInfo, IUserFeedback, IConversation and the return values of Bot),
CloudBase API reference and the vendor's agent interface for members the documents do not name.
Names are the documents' in snake_case. A missing text is "", a missing list (), anything else that
is missing None; times stay as they came; `raw` is the object itself, unknown members included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from chat.cloudbase.members import Members, Time

SPEECH_READY: Final = 2
SPEECH_FAILED: Final = 3
"""`Status` of a text-to-speech task; 0 waits and 1 runs (all but 2: Tencent's speech service)."""


def _raw() -> Any:
    return field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Whether and how an agent speaks and listens."""

    enable: bool | None
    input_type: str
    output_type: str


@dataclass(frozen=True, slots=True)
class Bot:
    """An agent (BotInfo); `type` is "text" or "image"."""

    bot_id: str
    name: str
    introduction: str
    welcome_message: str
    avatar: str
    background: str
    type: str
    agent_setting: str
    is_need_recommend: bool | None
    enable: bool | None
    search_enable: bool | None
    search_file_enable: bool | None
    multi_conversation_enable: bool | None
    tags: tuple[str, ...]
    knowledge_base: tuple[str, ...]
    init_questions: tuple[str, ...]
    voice_settings: VoiceSettings | None
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Bot:
        """From an object of the service."""
        members = Members(raw)
        return cls(
            bot_id=members.text("botId"),
            name=members.text("name"),
            introduction=members.text("introduction"),
            welcome_message=members.text("welcomeMessage"),
            avatar=members.text("avatar"),
            background=members.text("background"),
            type=members.text("type"),
            agent_setting=members.text("agentSetting"),
            is_need_recommend=members.flag("isNeedRecommend"),
            enable=members.flag("enable"),
            search_enable=members.flag("searchEnable"),
            search_file_enable=members.flag("searchFileEnable"),
            multi_conversation_enable=members.flag("multiConversationEnable"),
            tags=members.texts("tags"),
            knowledge_base=members.texts("knowledgeBase"),
            init_questions=members.texts("initQuestions"),
            voice_settings=_voice_settings(members.mapping("voiceSettings")),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class BotList:
    """A page of agents; `total` counts those of all pages."""

    total: int | None
    bot_list: tuple[Bot, ...]
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> BotList:
        """From the answer of the service."""
        members = Members(raw)
        bots = tuple(Bot.read(item) for item in members.objects("botList"))
        return cls(total=members.whole("total"), bot_list=bots, raw=raw)


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file that belongs to a message; `size` in bytes (the wire's `bytes`)."""

    file_name: str
    type: str
    cloud_id: str
    size: int | None


@dataclass(frozen=True, slots=True)
class ChatRecord:
    """A message that was said; `conversation` is the id of the user.

    `origin_msg` is JSON text that holds the history of tools.
    """

    bot_id: str
    record_id: str
    role: str
    content: str
    conversation: str
    type: str
    image: str
    trigger_src: str
    reply_to: str
    create_time: Time
    trace_id: str
    origin_msg: str
    file_infos: tuple[FileInfo, ...]
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> ChatRecord:
        """From an object of the service."""
        members = Members(raw)
        return cls(
            bot_id=members.text("botId"),
            record_id=members.text("recordId"),
            role=members.text("role"),
            content=members.text("content"),
            conversation=members.text("conversation"),
            type=members.text("type"),
            image=members.text("image"),
            trigger_src=members.text("triggerSrc"),
            reply_to=members.text("replyTo"),
            create_time=members.time("createTime"),
            trace_id=members.text("trace_id"),
            origin_msg=members.text("origin_msg"),
            file_infos=tuple(_file_info(Members(item)) for item in members.objects("fileInfos")),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class ChatRecords:
    """A page of messages; `total` counts those of all pages."""

    total: int | None
    record_list: tuple[ChatRecord, ...]
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> ChatRecords:
        """From the answer of the service."""
        members = Members(raw)
        records = tuple(ChatRecord.read(item) for item in members.objects("recordList"))
        return cls(total=members.whole("total"), record_list=records, raw=raw)


@dataclass(frozen=True, slots=True)
class UserFeedback:
    """What somebody thought of a message (IUserFeedback), to send and as it comes back.

    `type` is "upvote" or "downvote"; the vendor's interface rates 1 to 5.
    """

    record_id: str
    type: str
    bot_id: str = ""
    comment: str = ""
    rating: int | float | None = None
    tags: tuple[str, ...] = ()
    input: str = ""
    ai_answer: str = ""
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> UserFeedback:
        """From an object of the service."""
        members = Members(raw)
        return cls(
            record_id=members.text("recordId"),
            type=members.text("type"),
            bot_id=members.text("botId"),
            comment=members.text("comment"),
            rating=members.number("rating"),
            tags=members.texts("tags"),
            input=members.text("input"),
            ai_answer=members.text("aiAnswer"),
            raw=raw,
        )

    def members(self) -> dict[str, Any]:
        """What is sent; `raw` is not, and a rating only if there is one."""
        rating = {} if self.rating is None else {"rating": self.rating}
        return {
            "recordId": self.record_id,
            "type": self.type,
            "botId": self.bot_id,
            "comment": self.comment,
            "tags": self.tags,
            "input": self.input,
            "aiAnswer": self.ai_answer,
            **rating,
        }


@dataclass(frozen=True, slots=True)
class FeedbackList:
    """A page of feedback; `total` counts that of all pages."""

    total: int | None
    feedback_list: tuple[UserFeedback, ...]
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> FeedbackList:
        """From the answer of the service."""
        members = Members(raw)
        feedback = tuple(UserFeedback.read(item) for item in members.objects("feedbackList"))
        return cls(total=members.whole("total"), feedback_list=feedback, raw=raw)


@dataclass(frozen=True, slots=True)
class BotFile:
    """A file in cloud storage, to be made known to an agent; `file_id` begins with cloud://."""

    file_name: str
    file_id: str
    type: str = "file"

    def members(self) -> dict[str, Any]:
        """What is sent."""
        return {"fileName": self.file_name, "fileId": self.file_id, "type": self.type}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with an agent (IConversation)."""

    conversation_id: str
    title: str
    id: str
    env_id: str
    owner_uin: str
    user_id: str
    start_time: Time
    create_time: Time
    update_time: Time
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Conversation:
        """From an object of the service."""
        members = Members(raw)
        return cls(
            conversation_id=members.text("conversationId"),
            title=members.text("title"),
            id=members.text("id"),
            env_id=members.text("envId"),
            owner_uin=members.text("ownerUin"),
            user_id=members.text("userId"),
            start_time=members.time("startTime"),
            create_time=members.time("createTime"),
            update_time=members.time("updateTime"),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class Conversations:
    """A page of conversations; `total` counts those of all pages."""

    total: int | None
    data: tuple[Conversation, ...]
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Conversations:
        """From the answer of the service."""
        members = Members(raw)
        data = tuple(Conversation.read(item) for item in members.objects("data"))
        return cls(total=members.whole("total"), data=data, raw=raw)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard (the wire's `Result`)."""

    result: str
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Transcript:
        """From the answer of the service."""
        return cls(result=Members(raw).text("Result"), raw=raw)


@dataclass(frozen=True, slots=True)
class SpeechTask:
    """A text on its way to become speech (the wire's `TaskId`)."""

    task_id: str
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> SpeechTask:
        """From the answer of the service."""
        return cls(task_id=Members(raw).text("TaskId"), raw=raw)


@dataclass(frozen=True, slots=True)
class Speech:
    """How far such a task is (the wire's `TaskId`, `Status`, `ResultUrl`)."""

    task_id: str
    status: int | None
    result_url: str
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Speech:
        """From the answer of the service."""
        members = Members(raw)
        return cls(
            task_id=members.text("TaskId"),
            status=members.whole("Status"),
            result_url=members.text("ResultUrl"),
            raw=raw,
        )

    @property
    def is_ready(self) -> bool:
        """Whether `result_url` can be heard."""
        return self.status == SPEECH_READY

    @property
    def has_failed(self) -> bool:
        """Whether nothing will come of it any more."""
        return self.status == SPEECH_FAILED


def _voice_settings(raw: Mapping[str, Any] | None) -> VoiceSettings | None:
    if raw is None:
        return None
    members = Members(raw)
    return VoiceSettings(
        enable=members.flag("enable"),
        input_type=members.text("inputType"),
        output_type=members.text("outputType"),
    )


def _file_info(members: Members) -> FileInfo:
    return FileInfo(
        file_name=members.text("fileName"),
        type=members.text("type"),
        cloud_id=members.text("cloudId"),
        size=members.whole("bytes"),
    )
