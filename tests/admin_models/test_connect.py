"""`manage.py connect`: an endpoint by hand."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from admin_models import crypto
from admin_models.models import AIModel, AuditEntry, ModelGroup

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(monkeypatch):
    """What is on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-canary\n"))


def connect(*arguments: str) -> str:
    output = io.StringIO()
    call_command("connect", *arguments, stdout=output)
    return output.getvalue()


def test_an_endpoint_is_connected_with_its_key_sealed(key):
    said = connect("custom-lab", "https://llm.example/v1/", "lab-7b", "lab-70b")
    group = ModelGroup.objects.get()
    assert (group.name, group.base_url) == ("custom-lab", "https://llm.example/v1")
    assert crypto.unseal(group.sealed_key) == "sk-canary"
    assert [model.name for model in AIModel.objects.ready()] == ["lab-70b", "lab-7b"]
    assert "sk-canary" not in said


def test_a_host_without_a_dot_is_an_address():
    """As containers beside ours have them."""
    connect("custom-ollama", "http://ollama:11434/v1", "qwen3:8b", "--no-key")
    assert ModelGroup.objects.get().base_url == "http://ollama:11434/v1"


def test_connecting_again_changes_the_address_and_keeps_the_models(key):
    connect("custom-lab", "https://llm.example/v1", "lab-7b", "--context-length", "8192")
    connect("custom-lab", "https://other.example/v1", "lab-70b", "--no-key")
    group = ModelGroup.objects.get()
    assert group.base_url == "https://other.example/v1"
    assert crypto.unseal(group.sealed_key) == "sk-canary"
    lengths = dict(AIModel.objects.values_list("name", "context_length"))
    assert lengths == {"lab-7b": 8192, "lab-70b": None}


def test_what_was_connected_is_recorded_without_its_key(key):
    connect("custom-lab", "https://llm.example/v1", "lab-7b")
    connect("custom-lab", "https://llm.example/v1", "lab-7b", "--no-key")
    connect("custom-lab", "https://other.example/v1", "lab-70b", "--no-key")
    changed, made = AuditEntry.objects.all()
    assert (made.action, made.actor, made.actor_pk) == ("group.created", "command line", None)
    assert made.subject_key == "local/custom-lab"
    assert made.after["sealed_key"] == "set"
    assert changed.action == "group.updated"
    assert changed.before["base_url"] == "https://llm.example/v1"
    assert set(changed.after["models"]) == {"lab-7b", "lab-70b"}
    assert "sk-canary" not in str([made.after, changed.after])


@pytest.mark.parametrize(
    ("group", "url", "says"),
    [
        ("deepseek", "https://x.example/v1", "vendor"),
        ("custom-lab", "not an address", "must begin with"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_saved(key, group, url, says):
    with pytest.raises(CommandError, match=says):
        connect(group, url, "m")
    assert not ModelGroup.objects.exists()
