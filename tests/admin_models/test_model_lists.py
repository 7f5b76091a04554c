"""The three-way merge of lists: laws that hold for any lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_models import model_lists
from admin_models.model_lists import Conflict, Difference, by_name, difference, merged
from chat.cloudbase.control_plane import AIModelEntry

ENTRIES = st.builds(
    AIModelEntry,
    model=st.sampled_from("abcdef"),
    enable_mcp=st.booleans(),
    tags=st.sampled_from([(), ("chat",), ("chat", "tools")]),
)
LISTS = st.lists(ENTRIES, max_size=6, unique_by=lambda entry: entry.model).map(tuple)


def entries(*names: str) -> tuple[AIModelEntry, ...]:
    return tuple(map(AIModelEntry, names))


def outcome(seen, current, wanted):
    """What a merge leads to, without the order; or the models that are in conflict."""
    try:
        return by_name(merged(seen, current, wanted))
    except Conflict as conflict:
        return set(conflict.names)


@given(LISTS, LISTS, LISTS)
def test_no_entry_is_lost_that_nobody_removed(seen, current, wanted):
    try:
        result = by_name(merged(seen, current, wanted))
    except Conflict:
        return
    old, now, wish = by_name(seen), by_name(current), by_name(wanted)
    removed = (old.keys() - now.keys()) | (old.keys() - wish.keys())
    assert result.keys() == (old.keys() | now.keys() | wish.keys()) - removed


@given(LISTS, LISTS, LISTS)
def test_every_change_of_either_is_in_the_result(seen, current, wanted):
    try:
        result = merged(seen, current, wanted)
    except Conflict:
        return
    for theirs in (current, wanted):
        change = difference(seen, theirs)
        held = by_name(result)
        assert all(held[entry.model] == entry for entry in change.added)
        assert all(held[after.model] == after for _before, after in change.changed)
        assert not any(entry.model in held for entry in change.removed)


@given(LISTS, LISTS)
def test_identical_wishes_merge(seen, wanted):
    assert merged(seen, wanted, wanted) == wanted


@given(LISTS, LISTS)
def test_who_changes_nothing_changes_nothing(seen, current):
    assert merged(seen, current, seen) == current


@given(LISTS, LISTS)
def test_where_nobody_else_changed_anything_the_wish_is_the_result(seen, wanted):
    assert by_name(merged(seen, seen, wanted)) == by_name(wanted)


@given(LISTS, LISTS, LISTS)
def test_conflicts_and_results_are_symmetric(seen, current, wanted):
    assert outcome(seen, current, wanted) == outcome(seen, wanted, current)


@given(LISTS, LISTS, LISTS)
def test_a_merge_that_was_made_leaves_nothing_to_do(seen, current, wanted):
    try:
        result = merged(seen, current, wanted)
    except Conflict:
        return
    assert merged(seen, result, wanted) == result


@given(LISTS, LISTS)
def test_undoing_is_a_merge_backwards(before, after):
    assert by_name(merged(after, after, before)) == by_name(before)


@given(LISTS, LISTS)
def test_a_difference_leads_from_one_list_to_the_other(before, after):
    change = difference(before, after)
    result = by_name(before)
    for entry in change.removed:
        del result[entry.model]
    result |= by_name(change.added) | {new.model: new for _old, new in change.changed}
    assert result == by_name(after)
    assert bool(change) is (by_name(before) != by_name(after))


@given(LISTS)
def test_a_stored_list_is_read_again(listed):
    assert model_lists.read(model_lists.stored(listed)) == listed


def test_places_are_kept_and_new_entries_follow():
    result = merged(entries("b", "a"), entries("c", "b", "a"), entries("a", "d", "b"))
    assert [entry.model for entry in result] == ["c", "b", "a", "d"]


@pytest.mark.parametrize(
    ("current", "wanted"),
    [
        ((AIModelEntry("a", tags=("x",)),), ()),
        ((), (AIModelEntry("a", enable_mcp=True),)),
        ((AIModelEntry("a", tags=("x",)),), (AIModelEntry("a", tags=("y",)),)),
    ],
)
def test_a_conflict_tells_both_changes(current, wanted):
    seen = entries("a")
    with pytest.raises(Conflict) as told:
        merged(seen, current, wanted)
    assert told.value.names == ("a",)
    assert told.value.theirs == difference(seen, current)
    assert told.value.yours == difference(seen, wanted)


def test_capital_letters_make_another_model():
    change = difference(entries("glm-5.1"), entries("GLM-5.1"))
    assert change == Difference(added=entries("GLM-5.1"), removed=entries("glm-5.1"))


def test_what_a_service_lists_twice_counts_once():
    twice = (AIModelEntry("a", enable_mcp=True), AIModelEntry("a"))
    assert merged(twice, twice, twice) == twice[:1]
