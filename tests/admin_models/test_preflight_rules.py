"""Every situation of an environment and what preflight says of it, always in one order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_models.preflight import asking, links, rules
from admin_models.preflight.case import Terms
from admin_models.preflight.checks import ActionKind, Intent, State, Step, Subject
from admin_models.preflight.facts import Facts, Failure, Seen
from chat.cloudbase.control_plane import (
    ActivityRecord,
    AIModelEntry,
    AIModelGroup,
    ManagedModel,
    ManagedModelGroup,
    PostpayPackage,
)
from tests.admin_models.conftest import make_environment, verdict_on
from tests.fakes.environment import CloudBaseEnvironment
from tests.fakes.environment_state import OFF, SECRET_ID, Group, Pack
from tests.fakes.signatures import SecretKey

FLASH = Subject(Intent.MANAGED, "cloudbase", "deepseek-v4-flash")
GROWTH = Subject(Intent.HUNYUAN, "hunyuan-exp", rules.GROWTH_MODEL)
LAB = Subject(Intent.THIRD_PARTY, "custom-lab", "lab-7b")

OK, NOT_OK, UNKNOWN = State.OK, State.NOT_OK, State.UNKNOWN
SKIPPED, WAITING = State.SKIPPED, State.WAITING


@dataclass(frozen=True)
class Row:
    """A situation, what is to be called in it, and what comes of it."""

    make: Callable[[CloudBaseEnvironment], object]
    subject: Subject
    states: dict[Step, State]
    in_the_way: Step | None
    action: ActionKind | None = None


def nothing(_cloud: CloudBaseEnvironment) -> None:
    pass


def state(**members: object) -> Callable[[CloudBaseEnvironment], None]:
    """A change of the environment's state."""

    def change(cloud: CloudBaseEnvironment) -> None:
        for name, value in members.items():
            setattr(cloud.state, name, value)

    return change


def quirk(**members: object) -> Callable[[CloudBaseEnvironment], None]:
    """A change of how the service behaves."""

    def change(cloud: CloudBaseEnvironment) -> None:
        for name, value in members.items():
            setattr(cloud.quirks, name, value)

    return change


def group_off(cloud: CloudBaseEnvironment) -> None:
    cloud.state.groups[0].status = OFF


def without_permission(cloud: CloudBaseEnvironment) -> None:
    cloud.quirks.forbidden_actions = set(asking.ACTIONS)


LAB_GROUP = Group("custom-lab", ["lab-7b"], type="custom", base_url="http://llm.example/v1")

ROWS = {
    "a pack pays and the model is on": Row(
        nothing,
        FLASH,
        {
            Step.CONNECTION: OK,
            Step.TOKEN_PACK: OK,
            Step.RESOURCE_PLAN: SKIPPED,
            Step.GROUP_EXISTS: OK,
            Step.GROUP_ON: OK,
            Step.MODEL_LISTED: OK,
            Step.CALL: SKIPPED,
        },
        None,
    ),
    "the pack has expired": Row(
        state(packs=[Pack(status=3)]),
        FLASH,
        {Step.TOKEN_PACK: NOT_OK, Step.RESOURCE_PLAN: UNKNOWN, Step.CALL: UNKNOWN},
        Step.RESOURCE_PLAN,
        ActionKind.CALL,
    ),
    "the pack is disabled": Row(
        state(packs=[Pack(status=4)]),
        FLASH,
        {Step.TOKEN_PACK: NOT_OK, Step.RESOURCE_PLAN: UNKNOWN, Step.CALL: UNKNOWN},
        Step.RESOURCE_PLAN,
        ActionKind.CALL,
    ),
    "the pack is being switched": Row(
        state(packs=[Pack(version_switch_status=7)]),
        FLASH,
        {Step.TOKEN_PACK: NOT_OK, Step.RESOURCE_PLAN: UNKNOWN},
        Step.RESOURCE_PLAN,
        ActionKind.CALL,
    ),
    "there is no pack": Row(
        state(packs=[]),
        FLASH,
        {Step.TOKEN_PACK: NOT_OK, Step.RESOURCE_PLAN: UNKNOWN},
        Step.RESOURCE_PLAN,
        ActionKind.CALL,
    ),
    "a pack of another kind pays nothing": Row(
        state(packs=[Pack("pkg_tcb_storage")]),
        FLASH,
        {Step.TOKEN_PACK: NOT_OK, Step.RESOURCE_PLAN: UNKNOWN},
        Step.RESOURCE_PLAN,
        ActionKind.CALL,
    ),
    "one of two packs pays": Row(
        state(packs=[Pack(status=3), Pack("pkg_tcb_tokencredits_2")]),
        FLASH,
        {Step.TOKEN_PACK: OK, Step.RESOURCE_PLAN: SKIPPED},
        None,
    ),
    "enrolled in the growth plan": Row(
        nothing,
        GROWTH,
        {Step.GROWTH_PLAN: OK, Step.CHANNEL: UNKNOWN, Step.MODEL_LISTED: OK, Step.CALL: UNKNOWN},
        Step.CHANNEL,
        ActionKind.CALL,
    ),
    "not enrolled": Row(
        state(activities=[]),
        GROWTH,
        {Step.GROWTH_PLAN: NOT_OK, Step.GROUP_EXISTS: OK},
        Step.GROWTH_PLAN,
        ActionKind.LINK,
    ),
    "the group is missing": Row(
        state(groups=[]),
        FLASH,
        {Step.GROUP_EXISTS: NOT_OK, Step.GROUP_ON: SKIPPED, Step.MODEL_LISTED: SKIPPED},
        Step.GROUP_EXISTS,
        ActionKind.LINK,
    ),
    "the group is off": Row(
        group_off,
        FLASH,
        {Step.GROUP_EXISTS: OK, Step.GROUP_ON: NOT_OK, Step.MODEL_LISTED: OK},
        Step.GROUP_ON,
        ActionKind.ENABLE,
    ),
    "the model is missing but in the catalogue": Row(
        nothing,
        replace(FLASH, model="glm-5.1"),
        {Step.GROUP_EXISTS: OK, Step.GROUP_ON: OK, Step.MODEL_LISTED: NOT_OK},
        Step.MODEL_LISTED,
        ActionKind.ENABLE,
    ),
    "the catalogue does not know the model; capital letters count": Row(
        nothing,
        replace(FLASH, model="GLM-5.1"),
        {Step.MODEL_LISTED: NOT_OK},
        Step.MODEL_LISTED,
        ActionKind.CONFIGURE,
    ),
    "the catalogue cannot be read": Row(
        quirk(missing_actions={"DescribeManagedAIModelList"}),
        replace(FLASH, model="glm-5.1"),
        {Step.MODEL_LISTED: NOT_OK},
        Step.MODEL_LISTED,
        ActionKind.RECHECK,
    ),
    "a custom group needs nobody who pays": Row(
        state(packs=[], activities=[], groups=[LAB_GROUP]),
        LAB,
        {Step.GROWTH_PLAN: SKIPPED, Step.TOKEN_PACK: SKIPPED, Step.MODEL_LISTED: OK},
        None,
    ),
    "a custom group that nobody registered": Row(
        nothing,
        LAB,
        {Step.TOKEN_PACK: SKIPPED, Step.GROUP_EXISTS: NOT_OK},
        Step.GROUP_EXISTS,
        ActionKind.CONFIGURE,
    ),
    "names are refused once and then taken in camelCase": Row(
        quirk(accepts="camel"),
        FLASH,
        {Step.TOKEN_PACK: OK, Step.GROUP_EXISTS: OK, Step.MODEL_LISTED: OK},
        None,
    ),
    "the account may do nothing": Row(
        without_permission,
        FLASH,
        {Step.TOKEN_PACK: UNKNOWN, Step.GROUP_EXISTS: UNKNOWN, Step.MODEL_LISTED: UNKNOWN},
        Step.RESOURCE_PLAN,
        ActionKind.CALL,
    ),
    "HTTP 200 with an error": Row(
        state(secret_keys={SECRET_ID: SecretKey("another key than ours")}),
        FLASH,
        {Step.TOKEN_PACK: UNKNOWN, Step.GROUP_EXISTS: UNKNOWN, Step.MODEL_LISTED: UNKNOWN},
        Step.RESOURCE_PLAN,
        ActionKind.CALL,
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_every_situation_is_told_apart(cloud, environment, settings, name):
    settings.PREFLIGHT_BLOCKING_SWITCHES = [7]
    row = ROWS[name]
    row.make(cloud)
    await asking.renew(environment.pk)
    verdict = await verdict_on(environment, row.subject)
    states = {check.step: check.state for check in verdict.checks}
    assert {step: states[step] for step in row.states} == row.states
    found = verdict.in_the_way
    assert (found and found.step) == row.in_the_way
    assert (found and found.action and found.action.kind) == row.action
    assert not cloud.data_calls, "nothing is called by itself"


async def test_without_cloud_keys_everything_is_unknown_and_nothing_passed(connected, cloud):
    environment = await make_environment(cloud, has_cloud_keys=False)
    await asking.renew(environment.pk)
    verdict = await verdict_on(environment, FLASH)
    asked = (Step.TOKEN_PACK, Step.GROUP_EXISTS, Step.GROUP_ON, Step.MODEL_LISTED)
    assert all(verdict.check(step).state is UNKNOWN for step in asked)
    assert all(verdict.check(step).action.kind is ActionKind.CONFIGURE for step in asked)
    assert verdict.state is UNKNOWN
    assert not cloud.control_calls


async def test_a_time_out_is_unknown_and_says_so(cloud, environment, settings):
    settings.PREFLIGHT_TIMEOUT_SECONDS = 0.1
    cloud.quirks.slow_actions = {"DescribeAIModels": 5}
    await asking.renew(environment.pk)
    check = (await verdict_on(environment, FLASH)).check(Step.GROUP_EXISTS)
    assert (check.state, check.params) == (UNKNOWN, {"code": "provider_timed_out"})
    assert check.action.kind is ActionKind.RECHECK


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (without_permission, "control_not_authorized"),
        (state(secret_keys={}), "secret_pair_refused"),
        (quirk(clock_offset=900), "clock_skewed"),
        (quirk(missing_actions={"DescribeAIModels"}), "action_unknown"),
    ],
)
async def test_each_failure_leaves_its_evidence(cloud, environment, make, code):
    make(cloud)
    await asking.renew(environment.pk, "DescribeAIModels")
    check = (await verdict_on(environment, FLASH)).check(Step.GROUP_EXISTS)
    assert check.params == {"code": code}
    assert check.evidence.action == "DescribeAIModels"
    assert check.evidence.request_id
    assert check.evidence.at


# ── what a person wants (CloudBase AI, eligibility by user intent) ───────────


async def test_nothing_in_particular_leads_to_the_growth_plan_or_else_to_the_managed_group():
    enrolled = seen_facts(activities=(ActivityRecord("ai_miniprogram_inspire_plan", "env-demo"),))
    assert rules.suggested(Intent.ANYTHING, enrolled) == Subject(
        Intent.ANYTHING, "hunyuan-exp", "hunyuan-2.0-instruct-20251111"
    )
    subject = rules.suggested(Intent.ANYTHING, seen_facts())
    assert subject.group == "cloudbase"
    steps = [check.step for check in rules.verdict(seen_facts(), subject, TERMS).checks]
    assert steps.index(Step.GROWTH_PLAN) < steps.index(Step.TOKEN_PACK)


async def test_a_hunyuan_model_is_never_replaced_by_another(cloud, environment):
    cloud.state.activities = []
    await asking.renew(environment.pk)
    subject = rules.suggested(Intent.HUNYUAN, seen_facts(), "hunyuan-2.0-instruct-20251111")
    verdict = await verdict_on(environment, subject)
    assert (verdict.subject.group, verdict.in_the_way.step) == ("hunyuan-exp", Step.GROWTH_PLAN)
    assert verdict.in_the_way.action.url == "https://docs.cloudbase.net/ai/ai-inspire-plan"
    assert Step.TOKEN_PACK not in {check.step for check in verdict.checks}


async def test_another_managed_model_asks_for_a_pack_and_says_where_to_buy_one():
    subject = rules.suggested(Intent.MANAGED, seen_facts(), "glm-5.1")
    check = rules.verdict(seen_facts(), subject, TERMS).check(Step.TOKEN_PACK)
    assert (subject.group, check.state) == ("cloudbase", NOT_OK)
    assert check.action.url == (
        "https://buy.cloud.tencent.com/lowcode?buyType=resPack&envId=env-demo&resourceType=token"
    )


async def test_a_third_partys_model_leads_to_its_custom_group_or_to_registering_one():
    lab = AIModelGroup("custom-lab", models=(AIModelEntry("lab-7b"),), status=1)
    facts = seen_facts(groups=(lab,))
    assert rules.suggested(Intent.THIRD_PARTY, facts, "lab-7b").group == "custom-lab"
    subject = rules.suggested(Intent.THIRD_PARTY, facts, "lab-70b")
    verdict = rules.verdict(facts, subject, TERMS)
    assert (verdict.subject.group, verdict.in_the_way.step) == ("", Step.GROUP_EXISTS)
    assert verdict.check(Step.TOKEN_PACK).state is SKIPPED


# ── what a real call proves ──────────────────────────────────────────────────

NOW = datetime(2026, 7, 1, tzinfo=UTC)
TERMS = Terms(NOW, timedelta(minutes=10))


def seen_facts(**answers: object) -> Facts:
    """An environment that was asked everything a moment ago, and has nothing but these."""
    at = NOW - timedelta(seconds=1)
    said = {"activities": (), "packages": (), "groups": (), "catalogue": ()} | answers
    blank = Facts("env-demo")
    return replace(
        blank,
        **{
            name: replace(getattr(blank, name), answer=answer, at=at, request_id="r-1")
            for name, answer in said.items()
        },
    )


def called(facts: Facts, subject: Subject, *, code: str = "", ago: timedelta) -> Facts:
    """The same after a real call; `code` is how it was refused."""
    at = NOW - ago
    seen = Seen("ChatCompletions", True, at)
    if code:
        seen = Seen("ChatCompletions", failure=Failure(at, {"code": code}))
    return replace(facts, calls={(subject.group, subject.model): seen})


READY = (AIModelGroup("cloudbase", models=(AIModelEntry("deepseek-v4-flash"),), status=1),)


def test_packs_of_which_one_may_be_used_up_and_one_is_disabled_are_told_as_both():
    packs = (
        PostpayPackage("pkg_tcb_tokencredits_1", status=3),
        PostpayPackage("pkg_tcb_tokencredits_2", status=4),
    )
    verdict = rules.verdict(seen_facts(groups=READY, packages=packs), FLASH, TERMS)
    said = verdict.check(Step.TOKEN_PACK).sentence
    assert "used up" in said
    assert "disabled" in said


def test_a_call_that_was_answered_settles_what_cannot_be_seen():
    facts = called(seen_facts(groups=READY), FLASH, ago=timedelta(hours=1))
    verdict = rules.verdict(facts, FLASH, TERMS)
    assert verdict.state is OK
    assert verdict.check(Step.RESOURCE_PLAN).state is OK


def test_a_call_proves_nothing_the_next_day():
    facts = called(seen_facts(groups=READY), FLASH, ago=timedelta(hours=25))
    assert rules.verdict(facts, FLASH, TERMS).state is UNKNOWN


def test_a_call_does_not_make_up_for_what_was_seen_to_be_wrong():
    facts = called(seen_facts(), FLASH, ago=timedelta(hours=1))
    assert rules.verdict(facts, FLASH, TERMS).in_the_way.step is Step.GROUP_EXISTS


def test_a_call_refused_for_want_of_money_says_that_nothing_pays():
    facts = called(
        seen_facts(groups=READY), FLASH, code="quota_exhausted", ago=timedelta(minutes=1)
    )
    check = rules.verdict(facts, FLASH, TERMS).in_the_way
    assert (check.step, check.state) == (Step.RESOURCE_PLAN, NOT_OK)
    assert check.action.url == links.purchase("env-demo")


def test_a_refused_call_does_not_lock_out_what_is_seen_to_be_right():
    pack = (PostpayPackage("pkg_tcb_tokencredits_1", status=1),)
    facts = seen_facts(groups=READY, packages=pack)
    facts = called(facts, FLASH, code="key_refused", ago=timedelta(minutes=1))
    verdict = rules.verdict(facts, FLASH, TERMS)
    assert verdict.state is OK
    assert verdict.check(Step.CALL).state is NOT_OK


def test_a_call_that_got_no_answer_proves_nothing_either_way():
    facts = called(
        seen_facts(groups=READY), FLASH, code="provider_timed_out", ago=timedelta(minutes=1)
    )
    verdict = rules.verdict(facts, FLASH, TERMS)
    assert (verdict.state, verdict.check(Step.CALL).state) == (UNKNOWN, UNKNOWN)


def test_the_channel_of_the_growth_plan_is_closed_once_a_call_said_so():
    record = (ActivityRecord("ai_miniprogram_inspire_plan", "env-demo"),)
    group = AIModelGroup("hunyuan-exp", models=(AIModelEntry(GROWTH.model),), status=1)
    facts = seen_facts(activities=record, groups=(group,))
    refused = called(facts, GROWTH, code="channel_not_allowed", ago=timedelta(minutes=1))
    check = rules.verdict(refused, GROWTH, TERMS).in_the_way
    assert (check.step, check.state) == (Step.CHANNEL, NOT_OK)
    assert check.action.kind is ActionKind.CONFIGURE  # another group, and not the same call again
    refused_long_ago = called(facts, GROWTH, code="channel_not_allowed", ago=timedelta(hours=25))
    check = rules.verdict(refused_long_ago, GROWTH, TERMS).in_the_way
    assert check.action.kind is ActionKind.CALL  # terms change: after a day it is offered again
    answered = called(facts, GROWTH, ago=timedelta(minutes=1))
    assert rules.verdict(answered, GROWTH, TERMS).state is OK


@pytest.mark.parametrize(("ago", "state"), [(90, WAITING), (121, OK)])
def test_a_model_just_switched_on_is_waited_for_two_minutes(ago, state):
    pack = (PostpayPackage("pkg_tcb_tokencredits_1", status=1),)
    changed = NOW - timedelta(seconds=ago)
    facts = called(
        seen_facts(groups=READY, packages=pack),
        FLASH,
        code="model_disabled",
        ago=timedelta(seconds=ago - 5),
    )
    facts = replace(facts, switched_on={(FLASH.group, FLASH.model): changed})
    verdict = rules.verdict(facts, FLASH, TERMS)
    check = verdict.check(Step.MODEL_LISTED)
    assert check.state is state
    if state is WAITING:
        assert verdict.in_the_way == check
        assert (check.action.kind, check.action.until) == (
            ActionKind.WAIT,
            changed + timedelta(minutes=2),
        )


def test_an_answer_that_is_too_old_is_waited_for():
    facts = seen_facts(groups=READY)
    old = replace(facts.groups, at=NOW - timedelta(minutes=11))
    verdict = rules.verdict(replace(facts, groups=old), FLASH, TERMS)
    assert verdict.check(Step.GROUP_EXISTS).state is WAITING


def test_the_local_environment_lives_on_its_packs_alone():
    facts = replace(seen_facts(groups=READY), is_local=True)
    verdict = rules.verdict(facts, FLASH, TERMS)
    assert (verdict.in_the_way.step, verdict.state) == (Step.TOKEN_PACK, NOT_OK)
    assert verdict.check(Step.RESOURCE_PLAN) is None


@pytest.mark.parametrize(
    "change", [{"is_enabled": False}, {"has_key": False}], ids=["switched off", "no key"]
)
def test_an_environment_that_cannot_be_called_at_all_comes_first(change):
    verdict = rules.verdict(replace(seen_facts(), **change), FLASH, TERMS)
    assert verdict.in_the_way.step is Step.CONNECTION


# ── laws ─────────────────────────────────────────────────────────────────────

names = st.sampled_from(["", "cloudbase", "hunyuan-exp", "custom-lab", "nonsense"])
models = st.sampled_from(["", "deepseek-v4-flash", "lab-7b", GROWTH.model])
times = st.none() | st.integers(-10, 100_000).map(lambda ago: NOW - timedelta(seconds=ago))
codes = st.sampled_from(["channel_not_allowed", "model_disabled", "provider_timed_out", ""])
failures = st.none() | st.builds(
    Failure, at=st.just(NOW), error=st.fixed_dictionaries({"code": codes})
)
ints = st.none() | st.integers(0, 9)


def seen_as(action: str, items: st.SearchStrategy[object]) -> st.SearchStrategy[Seen[object]]:
    answers = st.none() | st.lists(items, max_size=3).map(tuple)
    return st.builds(Seen, st.just(action), answers, times, st.just("r-1"), failures)


entries = st.lists(models.map(AIModelEntry), max_size=3).map(tuple)
offered = st.lists(models.map(ManagedModel), max_size=3).map(tuple)
pairs = st.tuples(names, models)
facts_of_any_kind = st.builds(
    Facts,
    st.just("env-demo"),
    is_local=st.booleans(),
    is_enabled=st.booleans(),
    has_key=st.booleans(),
    has_cloud_keys=st.booleans(),
    activities=seen_as(
        "DescribeActivityInfo",
        st.builds(ActivityRecord, st.just("ai_miniprogram_inspire_plan"), st.just("env-demo")),
    ),
    packages=seen_as(
        "DescribeEnvPostpayPackage",
        st.builds(PostpayPackage, st.just("pkg_tcb_tokencredits_1"), ints, ints),
    ),
    groups=seen_as("DescribeAIModels", st.builds(AIModelGroup, names, entries, ints)),
    catalogue=seen_as(
        "DescribeManagedAIModelList", st.builds(ManagedModelGroup, names, models=offered)
    ),
    calls=st.dictionaries(
        pairs, st.builds(Seen, st.just("ChatCompletions"), st.just(True), times, failure=failures)
    ),
    switched_on=st.dictionaries(pairs, st.just(NOW - timedelta(seconds=30))),
)
subjects = st.builds(Subject, st.sampled_from(Intent), names, models)


@given(facts_of_any_kind, subjects)
def test_there_is_always_a_verdict_and_its_order_is_always_the_same(facts, subject):
    verdict = rules.verdict(facts, subject, TERMS)
    order = list(Step)
    places = [order.index(check.step) for check in verdict.checks]
    assert places == sorted(set(places))
    assert verdict.subject == subject
    for check in verdict.checks:
        assert check.sentence % check.params
        assert check.action is None or check.action.label % check.action.params
    if verdict.state is not OK:
        assert verdict.in_the_way.action is not None or verdict.state is WAITING


@given(facts_of_any_kind, st.sampled_from(Intent), models)
def test_a_model_that_somebody_named_is_the_one_that_is_suggested(facts, intent, model):
    subject = rules.suggested(intent, facts, model)
    assert subject.intent is intent
    assert not model or subject.model == model
