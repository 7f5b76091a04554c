"""Views that are loaded when they are asked for are there, and not before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.urls import get_resolver

from admin_models.later import Later, LaterPattern
from tests import processes

LATER = [
    pattern
    for resolver in get_resolver().url_patterns
    for pattern in getattr(resolver, "url_patterns", [resolver])
    if isinstance(pattern, LaterPattern)
]


@pytest.mark.parametrize("pattern", LATER, ids=lambda pattern: str(pattern.name))
def test_every_view_is_there(pattern):
    assert isinstance(pattern.callback, Later)
    assert callable(pattern.callback.loaded())


def test_a_view_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="nothing"):
        Later("admin_models.views.board", "nothing").loaded()


def test_a_server_that_starts_loads_none_of_them():
    check = (
        "import sys, django; django.setup(); import chatsite.asgi; "
        "from django.urls import get_resolver; get_resolver().reverse_dict; "
        "sys.exit(', '.join(m for m in sys.modules if m.startswith('admin_models.views.')) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", check],
        cwd=processes.PROJECT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "chatsite.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
