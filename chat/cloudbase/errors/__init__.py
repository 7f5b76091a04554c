"""What can go wrong between us and a model service: one tree, readable without any HTTP library.

CloudBaseError
├── RequestError (request)             we refuse before anything is sent
│   ├── IllegalGroupName
│   │   ├── GroupNameMissing, GroupNameNotText, GroupNameHasSpaces, GroupNameWrongCase
│   │   ├── GroupNameIsBareCustom, GroupNameHasIllegalRest
│   │   └── GroupNameIsVendor, GroupNameIsModel, GroupNameUnknown
│   ├── IllegalEnvironment, IllegalBaseUrl
│   ├── AddressForbidden               not public, and not allowed by the operator
│   ├── IllegalImageInput
│   │   ├── ImageParameterMissing, ImageParameterUnknown, ImageParameterWrongType
│   │   ├── ImageParameterTooLong, ImageParameterOutOfRange, ImageCountNotOne, ImagesTooMany
│   │   ├── ImageSizeMalformed, ImageSideOutOfRange, ImageAreaTooLarge
│   │   ├── ImageParameterNotForModel, ImageParameterNotForVersion
│   │   └── ImageSwitchMalformed, ImageModelOfOtherKind
│   ├── IllegalBotRequest
│   │   └── BotIdIllegal, PageTooSmall, PageTooLarge
│   ├── StepsIllegal, ToolIllegal, RequestUnwritable
│   ├── KeyMissing, KeyMalformed, KeysContradict
│   └── SecretPairMissing, SecretPairIncomplete
├── CallError (call)                   the service answered, and refused or failed
│   ├── RequestRefused                 400 and whatever has no line of its own
│   │   ├── ContextTooLong
│   │   └── ParameterRefused
│   │       └── AgentParameterRefused
│   ├── KeyRefused                     401
│   │   └── KeyExpired
│   ├── NotAllowed                     403
│   │   ├── ModelNotEnabled
│   │   └── ChannelNotAllowed
│   ├── ModelNotFound                  404
│   │   └── GroupNotFound
│   ├── WrongAddress                   3xx, 404 and 405 that are no answer of a chat interface
│   ├── GroupIncomplete
│   ├── ModelDisabled                  423
│   ├── RateLimited                    429
│   │   └── TooManyAtOnce
│   ├── ContentBlocked                 451
│   └── ProviderFailed                 5xx
│       ├── ProviderBusy               502, 503, 504
│       └── AgentFailed
│           ├── AgentLookupFailed, AgentModelFailed, AgentKnowledgeFailed
│           └── SpeechFailed
├── ControlPlaneError (preflight)      the management interface answered, and refused or failed
│   ├── SecretPairRefused, ClockSkewed, ControlNotAuthorized
│   ├── ControlParameterRefused, ActionUnknown
│   ├── EnvironmentNotFound, ResourceNotFound, GroupExists
│   ├── PlanTooSmall, LimitReached, EnvironmentFrozen
│   ├── ControlPlaneFailed
│   │   └── ControlPlaneBusy
│   └── ControlPlaneSpokeGarbage
├── QuotaError (quota)
│   ├── QuotaExhausted
│   └── EnvironmentSuspended           402
├── ToolFailed (ours)                  a function that the model called could not be run
│   ├── UnknownTool, ToolArgumentsInvalid
│   ├── ToolRaised, ToolTimedOut
│   └── ToolResultUnusable
├── StreamLeft (ours)                  nobody read the stream to its end
└── TransportError (transport)         there was no answer, or only a part of one
    ├── ProviderUnreachable            no connection
    │   └── ConnectionRefused
    ├── ProviderNotTrusted             no TLS, or a certificate of somebody else
    ├── ProviderHungUp                 a connection, closed without an answer
    ├── ProviderTimedOut
    │   └── SpeechNotReady
    ├── StreamBroken                   the answer stopped in the middle
    └── ProviderSpokeGarbage
        └── AnswerTooLong, NotStreamed

Whoever adds a class gives it a `code` and a `user_message`; the registry notices by itself.
"""

from chat.cloudbase.errors.agents import (
    AgentFailed,
    AgentKnowledgeFailed,
    AgentLookupFailed,
    AgentModelFailed,
    AgentParameterRefused,
)
from chat.cloudbase.errors.base import (
    DETAIL_LENGTH,
    CloudBaseError,
    FixableBy,
    Stage,
    _,
    scrub,
    user_message_for,
)
from chat.cloudbase.errors.bots import (
    BotIdIllegal,
    IllegalBotRequest,
    PageTooLarge,
    PageTooSmall,
    SpeechFailed,
    SpeechNotReady,
)
from chat.cloudbase.errors.call import (
    CallError,
    ChannelNotAllowed,
    ContentBlocked,
    ContextTooLong,
    EnvironmentSuspended,
    GroupIncomplete,
    GroupNotFound,
    KeyExpired,
    KeyRefused,
    ModelDisabled,
    ModelNotEnabled,
    ModelNotFound,
    NotAllowed,
    ParameterRefused,
    ProviderBusy,
    ProviderFailed,
    QuotaError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TooManyAtOnce,
    WrongAddress,
)
from chat.cloudbase.errors.control import (
    ActionUnknown,
    ClockSkewed,
    ControlNotAuthorized,
    ControlParameterRefused,
    ControlPlaneBusy,
    ControlPlaneError,
    ControlPlaneFailed,
    ControlPlaneSpokeGarbage,
    EnvironmentFrozen,
    EnvironmentNotFound,
    GroupExists,
    LimitReached,
    PlanTooSmall,
    ResourceNotFound,
    SecretPairRefused,
)
from chat.cloudbase.errors.images import (
    IllegalImageInput,
    ImageAreaTooLarge,
    ImageCountNotOne,
    ImageModelOfOtherKind,
    ImageParameterMissing,
    ImageParameterNotForModel,
    ImageParameterNotForVersion,
    ImageParameterOutOfRange,
    ImageParameterTooLong,
    ImageParameterUnknown,
    ImageParameterWrongType,
    ImageSideOutOfRange,
    ImageSizeMalformed,
    ImagesTooMany,
    ImageSwitchMalformed,
)
from chat.cloudbase.errors.request import (
    AddressForbidden,
    GroupNameHasIllegalRest,
    GroupNameHasSpaces,
    GroupNameIsBareCustom,
    GroupNameIsModel,
    GroupNameIsVendor,
    GroupNameMissing,
    GroupNameNotText,
    GroupNameUnknown,
    GroupNameWrongCase,
    IllegalBaseUrl,
    IllegalEnvironment,
    IllegalGroupName,
    KeyMalformed,
    KeyMissing,
    KeysContradict,
    RequestError,
    RequestUnwritable,
    SecretPairIncomplete,
    SecretPairMissing,
)
from chat.cloudbase.errors.streams import StreamLeft
from chat.cloudbase.errors.tools import (
    StepsIllegal,
    ToolArgumentsInvalid,
    ToolFailed,
    ToolIllegal,
    ToolRaised,
    ToolResultUnusable,
    ToolTimedOut,
    UnknownTool,
)
from chat.cloudbase.errors.transport import (
    AnswerTooLong,
    ConnectionRefused,
    NotStreamed,
    ProviderHungUp,
    ProviderNotTrusted,
    ProviderSpokeGarbage,
    ProviderTimedOut,
    ProviderUnreachable,
    StreamBroken,
    TransportError,
)

__all__ = [
    "DETAIL_LENGTH",
    "ActionUnknown",
    "AddressForbidden",
    "AgentFailed",
    "AgentKnowledgeFailed",
    "AgentLookupFailed",
    "AgentModelFailed",
    "AgentParameterRefused",
    "AnswerTooLong",
    "BotIdIllegal",
    "CallError",
    "ChannelNotAllowed",
    "ClockSkewed",
    "CloudBaseError",
    "ConnectionRefused",
    "ContentBlocked",
    "ContextTooLong",
    "ControlNotAuthorized",
    "ControlParameterRefused",
    "ControlPlaneBusy",
    "ControlPlaneError",
    "ControlPlaneFailed",
    "ControlPlaneSpokeGarbage",
    "EnvironmentFrozen",
    "EnvironmentNotFound",
    "EnvironmentSuspended",
    "FixableBy",
    "GroupExists",
    "GroupIncomplete",
    "GroupNameHasIllegalRest",
    "GroupNameHasSpaces",
    "GroupNameIsBareCustom",
    "GroupNameIsModel",
    "GroupNameIsVendor",
    "GroupNameMissing",
    "GroupNameNotText",
    "GroupNameUnknown",
    "GroupNameWrongCase",
    "GroupNotFound",
    "IllegalBaseUrl",
    "IllegalBotRequest",
    "IllegalEnvironment",
    "IllegalGroupName",
    "IllegalImageInput",
    "ImageAreaTooLarge",
    "ImageCountNotOne",
    "ImageModelOfOtherKind",
    "ImageParameterMissing",
    "ImageParameterNotForModel",
    "ImageParameterNotForVersion",
    "ImageParameterOutOfRange",
    "ImageParameterTooLong",
    "ImageParameterUnknown",
    "ImageParameterWrongType",
    "ImageSideOutOfRange",
    "ImageSizeMalformed",
    "ImageSwitchMalformed",
    "ImagesTooMany",
    "KeyExpired",
    "KeyMalformed",
    "KeyMissing",
    "KeyRefused",
    "KeysContradict",
    "LimitReached",
    "ModelDisabled",
    "ModelNotEnabled",
    "ModelNotFound",
    "NotAllowed",
    "NotStreamed",
    "PageTooLarge",
    "PageTooSmall",
    "ParameterRefused",
    "PlanTooSmall",
    "ProviderBusy",
    "ProviderFailed",
    "ProviderHungUp",
    "ProviderNotTrusted",
    "ProviderSpokeGarbage",
    "ProviderTimedOut",
    "ProviderUnreachable",
    "QuotaError",
    "QuotaExhausted",
    "RateLimited",
    "RequestError",
    "RequestRefused",
    "RequestUnwritable",
    "ResourceNotFound",
    "SecretPairIncomplete",
    "SecretPairMissing",
    "SecretPairRefused",
    "SpeechFailed",
    "SpeechNotReady",
    "Stage",
    "StepsIllegal",
    "StreamBroken",
    "StreamLeft",
    "TooManyAtOnce",
    "ToolArgumentsInvalid",
    "ToolFailed",
    "ToolIllegal",
    "ToolRaised",
    "ToolResultUnusable",
    "ToolTimedOut",
    "TransportError",
    "UnknownTool",
    "WrongAddress",
    "_",
    "scrub",
    "user_message_for",
]
