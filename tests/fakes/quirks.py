"""How the service differs from its description, and from itself: switches of the fake.

Everything here was read in a vendor's client or page, or is marked unsure there; the product has
to live with each.
"""

from dataclasses import dataclass, field
from typing import Literal

Casing = Literal["pascal", "camel", "either"]


@dataclass
class Quirks:
    """Switches; the defaults are what the vendor describes."""

    # ── control plane: what it accepts ──────────────────────────────────────
    accepts: Casing = "pascal"
    """How the parameters of an action are to be spelt; else InvalidParameter."""
    accepts_for: dict[str, Casing] = field(default_factory=dict)
    """The same for single actions."""
    missing_actions: set[str] = field(default_factory=set)
    """Actions this service has never heard of (InvalidAction)."""
    forbidden_actions: set[str] = field(default_factory=set)
    """Actions that the account may not do (UnauthorizedOperation)."""
    refused_actions: dict[str, str] = field(default_factory=dict)
    """Actions that are refused, each with a code of the vendor's."""
    slow_actions: dict[str, float] = field(default_factory=dict)
    """Seconds that an action takes."""
    late_answers: dict[str, float] = field(default_factory=dict)
    """Seconds from the end of an action to its answer."""
    lost_answers: set[str] = field(default_factory=set)
    """Actions that are carried out, after which the connection breaks."""
    throttled_times: int = 0
    """How many more calls are refused with RequestLimitExceeded."""
    clock_offset: float = 0.0
    """Seconds by which the service's clock is ahead of ours."""
    updates_need_the_standard_plan: bool = False
    """UpdateAIModel, too, is refused below the standard plan; CreateAIModel always is."""
    takes_any_model_name: bool = False
    """UpdateAIModel does not look the names of managed models up in the catalogue."""

    # ── control plane: how it answers ───────────────────────────────────────
    answers_in: Literal["as described", "pascal", "camel"] = "as described"
    """As described: PascalCase, except for DescribeActivityInfo and DescribeEnvPostpayPackage."""
    groups_are_called: Literal["AIModels", "AIModelGroups"] = "AIModels"
    """The list in the answer of DescribeAIModels."""
    empty_lists_are_null: bool = True
    changes_take_effect_after: float = 0.0
    """Seconds until the data plane follows a change; the vendor says up to two minutes."""

    # ── data plane ──────────────────────────────────────────────────────────
    growth_plan_answers_keys: bool = False
    """Whether hunyuan-exp answers plain HTTP; else AI_CHANNEL_NOT_ALLOWED."""
    refusals_say_200: bool = False
    """Refusals come with HTTP 200; only `code` tells."""
    refusals_are_openai_shaped: bool = False
    """Refusals hold an `error` object, as an upstream's do that is passed through."""
    times_are_text: bool = False
    """`created` is a numeric string, in images and agent frames."""
    finish_reason_is_called: Literal["finish_reason", "finish_reasion"] = "finish_reason"
    """Its name in agent frames."""
    agent_usage_is_camel_case: bool = False
    agent_bodies_are_empty: bool = False
    """Success of uploadFiles and deleteConversation is 204 instead of `{}`."""
