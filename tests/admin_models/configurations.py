"""Configurations to import, as files say them, and what they find here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User

from admin_models import local
from admin_models.configuration import applying, exporting, reading
from admin_models.configuration.format import Configuration, written
from admin_models.configuration.planning import Plan
from admin_models.models import (
    AIModel,
    Environment,
    ModelGroup,
)

CANARY = "sk-canary-0123456789"
HEAD = {"format": "chatsite.configuration", "version": 1}


def exported() -> str:
    """The file that this installation makes."""
    return written(exporting.current())


def read(members: Mapping[str, Any]) -> reading.Reading:
    """What a file with these members says."""
    return reading.read(json.dumps(HEAD | dict(members)))


def configured(**members: Any) -> Configuration:
    """What a file with these members, which are of the right form, configures."""
    found = read(members)
    assert found.problems == ()
    assert found.configuration is not None
    return found.configuration


def planned(**members: Any) -> Plan:
    """What importing these members would do."""
    return applying.planned(configured(**members))


def imported(actor: User | None = None, **members: Any) -> Plan:
    """Import members that can be imported."""
    plan = planned(**members)
    assert plan.problems == ()
    return applying.apply(actor, configured(**members), plan.digest)


def imported_text(text: str) -> Plan:
    """Import the text of a file that can be imported."""
    return imported(None, **json.loads(text))


def refusals(**members: Any) -> dict[str, str]:
    """What stands against importing these members: place → sentence."""
    problems = read(members).problems or planned(**members).problems
    return {problem.place: problem.sentence for problem in problems}


def custom(name: str = "custom-lab", **members: Any) -> dict[str, Any]:
    """The local environment with one group, as a file says it."""
    group = {"name": name} | members
    return {"environments": [{"env_id": "local", "groups": [group]}]}


def cloud(**members: Any) -> dict[str, Any]:
    """A CloudBase environment, as a file says it."""
    environment = {"env_id": "env-a", "kind": "cloudbase", "name": "Demo"} | members
    return {"environments": [environment]}


def price(**members: Any) -> dict[str, Any]:
    """A price, as a file says it."""
    return {
        "model": "local/custom-lab/lab-7b",
        "valid_from": "2026-01-01T00:00:00Z",
        "currency": "CNY",
        "tiers": [{"input": "1.2", "output": "4.8"}],
    } | members


def make_group() -> ModelGroup:
    """A group of this installation with a key and a model."""
    row = ModelGroup(
        environment=local.environment(), name="custom-lab", base_url="https://a.example/v1"
    )
    row.keep_key(CANARY)
    row.save()
    AIModel.objects.create(group=row, name="lab-7b", tags=["fast"], parameters={"top_p": 1})
    return row


def make_cloud() -> Environment:
    """A CloudBase environment with all its keys."""
    row = Environment(kind="cloudbase", env_id="env-a", name="Demo")
    row.keep_key(CANARY)
    row.keep_cloud_keys(CANARY, CANARY)
    row.save()
    return row
