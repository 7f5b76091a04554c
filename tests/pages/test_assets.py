"""The files a page brings along: how heavy, from where, and whether somebody touched them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.urls import reverse

from chatsite.management.commands import vendor_htmx
from tests.pages.html import page

STATIC: Path = settings.BASE_DIR / "chat" / "static"


def weight(pattern: str) -> int:
    return sum(path.stat().st_size for path in STATIC.rglob(pattern))


def test_scripts_stay_light():
    assert weight("*.js") <= 60_000


@pytest.mark.parametrize("name", ["home", "environments", "usage", "people", "account_email"])
def test_the_styles_of_a_page_stay_light(roots_browser, name):
    sheets = page(roots_browser.get(reverse(name))).select("link[rel=stylesheet]")
    files = [str(finders.find(str(sheet["href"]).removeprefix("/static/"))) for sheet in sheets]
    assert files
    assert sum(Path(found).stat().st_size for found in files) <= 40_000


def test_nothing_of_ours_names_another_host():
    for path in (STATIC / "chat").iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", text), path


def test_the_vendored_scripts_are_those_of_one_release():
    call_command("vendor_htmx", "--check")
    record = json.loads((STATIC / "vendor" / "htmx" / "VERSION.json").read_text())
    version = re.search(r'version="([\d.]+)"', (STATIC / "vendor/htmx/htmx.min.js").read_text())
    assert version
    assert version[1] == record["version"]


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("alert(1)"), Path.unlink])
def test_a_vendored_file_that_was_touched_is_noticed(tmp_path, spoil):
    folder = shutil.copytree(STATIC / "vendor" / "htmx", tmp_path / "htmx")
    spoil(folder / "hx-ws.min.js")
    with pytest.raises(CommandError, match=r"hx-ws\.min\.js is not as vendored"):
        vendor_htmx.check(folder)
