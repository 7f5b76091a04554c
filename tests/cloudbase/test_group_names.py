import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.cloudbase import errors, group_names

LONGEST = "custom-" + "a" * 64


@pytest.mark.parametrize(
    "name", ["hunyuan-exp", "cloudbase", "custom-lab", "custom-a", "custom-7_b-c", LONGEST]
)
def test_a_legal_name_is_returned(name):
    assert group_names.check(name) == name


@pytest.mark.parametrize(
    ("name", "kind", "suggestion"),
    [
        ("deepseek", errors.GroupNameIsVendor, "cloudbase"),
        ("DeepSeek", errors.GroupNameIsVendor, "cloudbase"),
        ("hunyuan", errors.GroupNameIsVendor, "hunyuan-exp"),
        ("deepseek-v4-flash", errors.GroupNameIsModel, "cloudbase"),
        ("hunyuan-2.0-instruct-20251111", errors.GroupNameIsModel, "hunyuan-exp"),
        ("Qwen/Qwen3-8B", errors.GroupNameIsModel, "cloudbase"),
        ("gpt-4o", errors.GroupNameIsModel, "cloudbase"),
        ("custom", errors.GroupNameIsBareCustom, "custom-lab"),
        ("custom-", errors.GroupNameIsBareCustom, "custom-lab"),
        ("custom-My.Lab", errors.GroupNameHasIllegalRest, "custom-my-lab"),
        ("custom-lab-", errors.GroupNameHasIllegalRest, "custom-lab"),
        ("custom-../admin", errors.GroupNameHasIllegalRest, "custom-admin"),
        (LONGEST + "a", errors.GroupNameHasIllegalRest, LONGEST),
        ("custom-实验", errors.GroupNameHasIllegalRest, "custom-lab"),
        ("CloudBase", errors.GroupNameWrongCase, "cloudbase"),
        ("Custom-Lab", errors.GroupNameWrongCase, "custom-lab"),
        (" cloudbase", errors.GroupNameHasSpaces, "cloudbase"),
        ("cloudbase\n", errors.GroupNameHasSpaces, "cloudbase"),
        ("hunyuan_exp", errors.GroupNameUnknown, "hunyuan-exp"),
        ("custom lab", errors.GroupNameUnknown, "custom-lab"),
        ("lab", errors.GroupNameUnknown, "custom-lab"),
    ],
)
def test_a_mistake_is_named_with_what_to_write_instead(name, kind, suggestion):
    with pytest.raises(errors.IllegalGroupName) as caught:
        group_names.check(name)
    assert type(caught.value) is kind
    assert caught.value.params["suggestion"] == suggestion
    assert f'"{suggestion}"' in caught.value.user_message % caught.value.params


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_an_empty_name_is_missing(name):
    with pytest.raises(errors.GroupNameMissing):
        group_names.check(name)


@pytest.mark.parametrize("name", [None, 7, b"cloudbase", ["cloudbase"]])
def test_what_is_no_text_is_refused(name):
    with pytest.raises(errors.GroupNameNotText):
        group_names.check(name)


@given(st.text() | st.text(alphabet="custom-ab_ .A1/"))
def test_whatever_is_suggested_is_legal(name):
    try:
        group_names.check(name)
    except errors.IllegalGroupName as error:
        suggestion = error.params.get("suggestion", "cloudbase")
        assert group_names.check(suggestion) == suggestion


def test_each_kind_of_mistake_has_a_code_of_its_own():
    kinds = errors.IllegalGroupName.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_groups_of_ones_own_are_told_apart():
    assert group_names.is_custom("custom-lab")
    assert not group_names.is_custom("cloudbase")
