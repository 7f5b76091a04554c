"""What can go wrong between us and a model service: one tree, readable without any HTTP library.

CloudBaseError
├── RequestError (request)             we refuse before anything is sent
│   ├── IllegalGroupName
│   │   ├── GroupNameMissing, GroupNameNotText, GroupNameHasSpaces, GroupNameWrongCase
│   │   ├── GroupNameIsBareCustom, GroupNameHasIllegalRest
│   │   └── GroupNameIsVendor, GroupNameIsModel, GroupNameUnknown
│   ├── IllegalEnvironment, IllegalBaseUrl
│   └── KeyMalformed
├── CallError (call)                   the service answered, and refused or failed
│   ├── RequestRefused                 400 and whatever has no line of its own
│   │   ├── ContextTooLong
│   │   └── ParameterRefused
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
│       └── ProviderBusy               502, 503, 504
├── QuotaError (quota)
│   ├── QuotaExhausted
│   └── EnvironmentSuspended           402
└── TransportError (transport)         there was no answer, or only a part of one
    ├── ProviderUnreachable            no connection
    ├── ProviderNotTrusted             no TLS, or a certificate of somebody else
    ├── ProviderHungUp                 a connection, closed without an answer
    ├── ProviderTimedOut
    ├── StreamBroken                   the answer stopped in the middle
    └── ProviderSpokeGarbage

Whoever adds a class gives it a `code` and a `user_message`; the registry notices by itself.
"""

from chat.cloudbase.errors.base import (
    DETAIL_LENGTH,
    CloudBaseError,
    FixableBy,
    Stage,
    _,
    scrub,
    user_message_for,
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
from chat.cloudbase.errors.request import (
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
    RequestError,
)
from chat.cloudbase.errors.transport import (
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
    "CallError",
    "ChannelNotAllowed",
    "CloudBaseError",
    "ContentBlocked",
    "ContextTooLong",
    "EnvironmentSuspended",
    "FixableBy",
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
    "IllegalEnvironment",
    "IllegalGroupName",
    "KeyExpired",
    "KeyMalformed",
    "KeyRefused",
    "ModelDisabled",
    "ModelNotEnabled",
    "ModelNotFound",
    "NotAllowed",
    "ParameterRefused",
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
    "Stage",
    "StreamBroken",
    "TooManyAtOnce",
    "TransportError",
    "WrongAddress",
    "_",
    "scrub",
    "user_message_for",
]
