"""Whoever shows a row knows the sentence of its error, whatever the process did before."""

from __future__ import annotations

import json

from tests.installations import Installation

_CODES = """
import importlib, json, pkgutil
import admin_models, chat
from chat.cloudbase.errors.base import CloudBaseError

at_start = set(CloudBaseError._by_code)
for package in (admin_models, chat):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if ".management." not in module.name and ".migrations." not in module.name:
            importlib.import_module(module.name)
print(json.dumps(sorted(set(CloudBaseError._by_code) - at_start)))
"""


def test_every_code_is_known_from_the_start(tmp_path):
    assert json.loads(Installation(tmp_path / "data").python(_CODES)) == []
