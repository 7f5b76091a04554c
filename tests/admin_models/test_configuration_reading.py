"""Reading a configuration: every mistake of its form with its place, and no secret."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from admin_models import local
from admin_models.configuration import applying, reading, secrets
from admin_models.configuration.format import Configuration
from admin_models.models import Environment
from tests.admin_models.configurations import (
    CANARY,
    HEAD,
    custom,
    exported,
    imported_text,
    price,
    read,
    refusals,
)

pytestmark = pytest.mark.django_db

LAWS = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def home():
    """This installation, which has its own environment."""
    return local.environment()


# Laws


@given(st.text())
@LAWS
def test_whatever_is_read_there_is_an_answer(text):
    for tried in (text, json.dumps(HEAD | {text: text}), json.dumps(HEAD)[:-1] + text):
        found = reading.read(tried)
        assert bool(found.problems) is (found.configuration is None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["env_id", "groups", "models", "name", "tiers", "model"]), inner
        )
    ),
)


@given(st.dictionaries(st.sampled_from(Configuration.CHILDREN), json_values))
@LAWS
def test_no_form_of_a_file_breaks_the_reading(members):
    found = reading.read(json.dumps(HEAD | members))
    if found.configuration is not None:
        applying.planned(found.configuration)


# Reading


def test_a_comma_too_many_is_told_where_python_sees_it():
    """From Python 3.13 on where it stands, before that where the next name should."""
    (problem,) = reading.read('{"format": 1,}').problems
    at, said = (13, "comma") if sys.version_info >= (3, 13) else (14, "member name")
    assert problem.place == f"line 1, column {at}"
    assert said in problem.sentence


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ('{"format": "x",\n "version": 1, 2}', "line 2, column 16", "member name"),
        ('{"format": "x"\n "version": 1}', "line 2, column 2", '"," is expected'),
        ('{"format" "x"}', "line 1, column 11", '":" is expected'),
        ('{"format": }', "line 1, column 12", "A value is expected"),
        ('{"format": "x', "line 1, column 12", "does not end"),
        ('{"format": "x\n"}', "line 1, column 14", "line break"),
        ('{"format": "\\x"}', "line 1, column 13", "backslash"),
        ("{} {}", "line 1, column 4", "goes on"),
        ("", "line 1, column 1", "A value is expected"),
        ("[" * 100_000, "$", "nested too deeply"),
        ('{"a": NaN}', "$", "A number"),
        ('{"a": ' + "9" * 5000 + "}", "$", "A number"),
        ("[]", "$.format", '"format": "chatsite.configuration"'),
        ('{"format": "other"}', "$.format", '"format": "chatsite.configuration"'),
        ('{"format": "chatsite.configuration"}', "$.version", "version 1"),
        ('{"format": "chatsite.configuration", "version": 2}', "$.version", "version 1"),
        ('{"format": "chatsite.configuration", "version": true}', "$.version", "version 1"),
    ],
)
def test_what_is_no_configuration_is_refused_with_its_place(text, place, says):
    (problem,) = reading.read(text).problems
    assert problem.place == place
    assert says in problem.sentence


@pytest.mark.parametrize(
    ("members", "place", "says"),
    [
        ({"environments": {}}, "$.environments", "a list; it is an object"),
        ({"environments": [3]}, "$.environments[0]", "an object"),
        ({"environments": [{}]}, "$.environments[0]", '"env_id" is missing'),
        ({"environments": [{"env_id": "a", "x": 1}]}, "$.environments[0].x", "no such member"),
        ({"environments": [{"env_id": None}]}, "$.environments[0].env_id", "it is null"),
        (
            {"environments": [{"env_id": "a", "kind": "cloud"}]},
            "$.environments[0].kind",
            '"local" | "cloudbase"',
        ),
        (
            {"environments": [{"env_id": "a", "enabled": 1}]},
            "$.environments[0].enabled",
            "true or false; it is a whole number",
        ),
        ({"prices": [price(model="lab-7b")]}, "$.prices[0].model", "local/custom-lab/lab-7b"),
        ({"prices": [price(valid_from="2026-01-01")]}, "$.prices[0].valid_from", "with its zone"),
        (
            {"prices": [price(valid_from="0001-01-01T00:00:00+14:00")]},
            "$.prices[0].valid_from",
            "with its zone",
        ),
        (
            {"prices": [price(tiers=[{"input": 1.5, "output": "1"}])]},
            "$.prices[0].tiers[0].input",
            "an amount as text",
        ),
        (
            {"prices": [price(tiers=[{"input": "1e9", "output": "1"}])]},
            "$.prices[0].tiers[0].input",
            "an amount as text",
        ),
        ({"teams": [{"name": "a", "groups": ["lab"]}]}, "$.teams[0].groups", "local/custom-lab"),
        ({"a b": 1}, '$["a b"]', "no such member"),
        ({"default_environment": "a\0"}, "$.default_environment", "cannot be kept"),
        ({"default_environment": "\ud800"}, "$.default_environment", "cannot be kept"),
    ],
)
def test_what_is_not_of_the_form_is_refused_with_its_place(members, place, says):
    (problem,) = read(members).problems
    assert problem.place == place
    assert says in problem.sentence


def test_every_mistake_is_told_at_once():
    model = {"name": 1, "label": 2, "tags": "x", "colour": "red"}
    found = read(custom(models=[model, {"name": "b", "parameters": []}]) | {"teams": [1]})
    at = "$.environments[0].groups[0].models"
    assert {problem.place for problem in found.problems} == {
        f"{at}[0].name",
        f"{at}[0].label",
        f"{at}[0].tags",
        f"{at}[0].colour",
        f"{at}[1].parameters",
        "$.teams[0]",
    }


def test_a_member_that_is_there_twice_is_refused():
    text = json.dumps(HEAD)[:-1] + ', "teams": [{"name": "a", "name": "b"}]}'
    (problem,) = reading.read(text).problems
    assert problem.place == "$.teams[0].name"
    assert "twice" in problem.sentence


def test_a_number_that_is_too_large_is_refused():
    text = json.dumps(HEAD | custom(models=[{"name": "a", "parameters": {"x": 0.5}}]))
    (problem,) = reading.read(text.replace("0.5", "1e999")).problems
    assert problem.place.endswith(".parameters.x")


def test_the_example_of_the_documentation_is_what_an_export_looks_like():
    page = (Path(__file__).parents[2] / "docs" / "configuration-file.md").read_text()
    example = page.partition("```json\n")[2].partition("```")[0]
    User.objects.create_user("alice")
    Environment.objects.all().delete()
    imported_text(example)
    assert json.loads(exported()) == json.loads(example)


# Secrets in a file


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "api_key",
        "apiKey",
        "APIKey",
        "X-Api-Key",
        "secret",
        "secret_id",
        "SecretKey",
        "token",
        "access_token",
        "password",
        "Authorization",
        "sealed_key",
        "credentials",
        "接口密钥",
    ],
)
def test_a_member_that_looks_like_a_secret_is_refused_and_not_repeated(name):
    for members, place in [
        (custom(**{name: CANARY}), "$.environments[0].groups[0]"),
        (
            custom(models=[{"name": "a", "parameters": {"extra": [{name: CANARY}]}}]),
            "$.environments[0].groups[0].models[0].parameters.extra[0]",
        ),
    ]:
        found = read(members)
        (problem,) = found.problems
        assert problem.place.startswith(place)
        assert "looks like a secret" in problem.sentence
        assert found.has_secrets
        assert CANARY not in repr(found)


@pytest.mark.parametrize(
    "name", ["max_tokens", "size_tokens", "stop_token_ids", "monkey", "prompt_cache_key", "author"]
)
def test_other_members_are_no_secrets(name):
    assert not secrets.is_telling(name)


def test_a_text_that_cannot_be_read_is_searched_for_secrets_too():
    assert reading.read('{"api_key": "sk-canary",,}').has_secrets
    assert not reading.read('{"max_tokens": 3,,}').has_secrets


def test_an_address_with_a_password_in_it_is_refused(home):
    place = "$.environments[0].groups[0].base_url"
    assert place in refusals(**custom(base_url=f"https://me:{CANARY}@a.example/v1"))
    ability = {"base_url": f"https://me:{CANARY}@a", "model": "a", "tried_at": "2026-01-01T00:00Z"}
    found = refusals(abilities=[ability | {"tried_at": "2026-01-01T00:00:00Z"}])
    assert list(found) == ["$.abilities[0].base_url"]
    assert CANARY not in str(found)
