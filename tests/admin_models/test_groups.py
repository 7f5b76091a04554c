"""Groups and models: legal names, sealed keys, what is ready."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from admin_models import crypto, local
from admin_models.models import AIModel, Environment, GroupStatus, ModelGroup

pytestmark = pytest.mark.django_db


@pytest.fixture
def group():
    group = ModelGroup(
        environment=local.environment(), name="custom-lab", base_url="https://llm.example/v1"
    )
    group.keep_key("sk-canary-1234")
    group.save()
    return group


@pytest.mark.parametrize("name", ["cloudbase", "hunyuan-exp", "custom-kimi"])
def test_legal_names_pass(name):
    ModelGroup(environment=local.environment(), name=name).full_clean()


@pytest.mark.parametrize("name", ["deepseek", "deepseek-v4-flash", "custom", "glm", "Custom-x", ""])
def test_illegal_names_are_refused_with_a_sentence(name):
    with pytest.raises(ValidationError) as refusal:
        ModelGroup(environment=local.environment(), name=name).full_clean()
    assert "name" in refusal.value.message_dict


def test_the_table_itself_refuses_a_vendor_name():
    with pytest.raises(IntegrityError):
        ModelGroup.objects.create(environment=local.environment(), name="deepseek")


@pytest.mark.parametrize("url", ["ftp://x.example/v1", "javascript:alert(1)", "no address"])
def test_an_address_is_http_or_https(group, url):
    group.base_url = url
    with pytest.raises(ValidationError):
        group.full_clean()


def test_a_key_is_sealed_and_comes_back_only_through_crypto(group):
    stored = ModelGroup.objects.get(pk=group.pk)
    assert "canary" not in stored.sealed_key
    assert "canary" not in repr(stored)
    assert stored.has_key
    assert crypto.unseal(stored.sealed_key) == "sk-canary-1234"


def test_an_empty_key_removes_what_was_stored(group):
    group.keep_key("")
    assert not group.has_key
    assert crypto.unseal(group.sealed_key) == ""


def test_a_value_of_another_key_cannot_be_unsealed(settings, group):
    settings.SEALING_KEYS = ["uLrJtFUVFN7zlLLhBFVpO9y4SZk1VDkHhyQDJ5hJv5k="]
    with pytest.raises(crypto.CannotUnseal):
        crypto.unseal(group.sealed_key)


def test_an_older_sealing_key_still_unseals(settings, group):
    settings.SEALING_KEYS = [
        "uLrJtFUVFN7zlLLhBFVpO9y4SZk1VDkHhyQDJ5hJv5k=",
        *settings.SEALING_KEY_FILE.keys(),
    ]
    assert crypto.unseal(group.sealed_key) == "sk-canary-1234"


def test_only_what_is_on_all_the_way_up_is_ready(group):
    model = AIModel.objects.create(group=group, name="lab-7b")
    assert list(AIModel.objects.ready()) == [model]
    for row, field, off in [
        (model, "is_enabled", False),
        (group, "status", GroupStatus.OFF),
        (group.environment, "is_enabled", False),
    ]:
        before = getattr(row, field)
        type(row).objects.filter(pk=row.pk).update(**{field: off})
        assert not AIModel.objects.ready().exists()
        type(row).objects.filter(pk=row.pk).update(**{field: before})


def test_there_is_one_default_and_one_local_environment(group):
    with pytest.raises(IntegrityError):
        Environment.objects.create(kind="local", name="Second", env_id="second")


def test_parameters_are_an_object(group):
    with pytest.raises(ValidationError):
        AIModel(group=group, name="m", parameters=[1]).full_clean()


def test_registering_the_local_model_again_moves_it_and_keeps_its_row():
    said: dict[str, Any] = {
        "key": "k",
        "name": "tiny",
        "context_length": 2048,
        "parameters": {"temperature": 0},
    }
    first = local.register_model(base_url="http://127.0.0.1:1/v1", **said)
    local.withdraw_models()
    assert not AIModel.objects.ready().exists()
    second = local.register_model(base_url="http://127.0.0.1:2/v1", **said)
    assert first.pk == second.pk
    assert AIModel.objects.ready().get().group.base_url == "http://127.0.0.1:2/v1"


def test_another_local_model_takes_the_place_of_the_first():
    said: dict[str, Any] = {"base_url": "http://127.0.0.1:1/v1", "key": "k", "context_length": None}
    local.register_model(name="tiny", parameters={}, **said)
    local.register_model(name="bigger", parameters={}, **said)
    assert [model.name for model in AIModel.objects.ready()] == ["bigger"]
