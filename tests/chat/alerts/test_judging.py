"""When an alert begins and ends, as a law."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat.operations.alerts.judging import Change, Standing, judged


def changes(looks: list[bool], hold: int) -> list[Change]:
    standing, found = Standing(), []
    for is_over in looks:
        standing, change = judged(standing, is_over=is_over, hold=hold)
        found.append(change)
    return found


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 6))
def test_beginnings_and_ends_take_turns_and_each_was_seen_long_enough(looks, hold):
    found = changes(looks, hold)
    told = [change for change in found if change is not Change.NONE]
    assert told == [Change.BEGAN, Change.ENDED] * (len(told) // 2) + [Change.BEGAN] * (
        len(told) % 2
    )
    for at, change in enumerate(found):
        if change is not Change.NONE:
            seen = looks[at - hold + 1 : at + 1]
            assert seen == [change is Change.BEGAN] * hold


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 6))
def test_what_is_seen_long_enough_is_told(looks, hold):
    found = changes([*looks, *[True] * hold], hold)
    told = [change for change in found if change is not Change.NONE]
    assert told[-1] is Change.BEGAN


@given(st.integers(2, 6), st.integers(0, 50))
def test_what_goes_up_and_down_at_every_look_is_never_told(hold, times):
    assert set(changes([True, False] * times, hold)) <= {Change.NONE}
