"""May this environment call this model? Always in one order: eligibility, then readiness.

`rules` judge `facts`; `seeing` reads the facts from our tables, `asking` puts there what an
environment says, and `gate` lets a call pass or raises one of the errors named here.
"""

from .errors import (
    CallRefused,
    ChannelClosed,
    EnvironmentDisabled,
    GroupMissing,
    GroupOff,
    KeyMissing,
    ModelNotEnabled,
    ModelNotYetReady,
    NobodyPays,
    NoModelChosen,
    NotEnrolled,
    NotYetKnown,
    PreflightFailed,
)

__all__ = [
    "CallRefused",
    "ChannelClosed",
    "EnvironmentDisabled",
    "GroupMissing",
    "GroupOff",
    "KeyMissing",
    "ModelNotEnabled",
    "ModelNotYetReady",
    "NoModelChosen",
    "NobodyPays",
    "NotEnrolled",
    "NotYetKnown",
    "PreflightFailed",
]
