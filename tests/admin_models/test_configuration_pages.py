"""The pages and commands that export and import the configuration."""

from __future__ import annotations

import json
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from admin_models import local
from admin_models.configuration import exporting
from admin_models.configuration.format import written
from admin_models.forms.configuration import LARGEST
from admin_models.models import AIModel, AuditEntry, Environment, ModelGroup
from tests.admin_models.configurations import CANARY, HEAD
from tests.pages.html import page, the, words

PAGE = "configuration_import"


@pytest.fixture
def browser(root):
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def group(root):
    row = ModelGroup(
        environment=local.environment(), name="custom-lab", base_url="https://a.example/v1"
    )
    row.keep_key(CANARY)
    row.save()
    return row


def text_of(*groups: dict[str, Any], **members: Any) -> str:
    """A file with groups of the local environment."""
    home = {"env_id": "local", "kind": "local", "name": "Local", "groups": list(groups)}
    return json.dumps(HEAD | {"environments": [home]} | members)


LAB = {"name": "custom-lab", "remark": "Ours", "models": [{"name": "lab-7b", "label": "Lab"}]}


def sent(browser: Client, text: str = "", **more: Any) -> Any:
    return browser.post(reverse(PAGE), {"text": text, **more})


def uploaded(browser: Client, content: bytes) -> Any:
    file = BytesIO(content)
    file.name = "configuration.json"
    return sent(browser, file=file)


def confirmed(browser: Client, preview: Any) -> Any:
    """Press the button of a preview."""
    form = the(page(preview), "#confirm")
    text, seen = the(form, "[name=text]"), the(form, "[name=seen]")
    return sent(browser, text.text, seen=seen["value"])


# Who may


@pytest.mark.parametrize("name", [PAGE, "configuration_export"])
def test_only_administrators_see_it(alice, name):
    client = Client()
    assert client.get(reverse(name)).status_code == 302
    client.force_login(alice)
    assert client.get(reverse(name)).status_code == 404
    assert client.post(reverse(name), {"text": text_of(LAB)}).status_code == 404


def test_those_of_operations_do_not_see_it(alice):
    alice.groups.add(Group.objects.create(name="operations"))
    client = Client()
    client.force_login(alice)
    assert client.get(reverse(PAGE)).status_code == 404


# Export


def test_the_export_is_a_file(browser, group):
    response = browser.get(reverse("configuration_export"))
    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"].startswith(
        'attachment; filename="chatsite-configuration-'
    )
    assert response.content.decode() == written(exporting.current())
    assert CANARY not in response.content.decode()
    assert "no-store" in response["Cache-Control"]


# The preview


@pytest.mark.parametrize("send", [sent, lambda browser, text: uploaded(browser, text.encode())])
def test_a_preview_shows_what_would_happen_and_does_nothing(browser, group, send):
    before = written(exporting.current())
    response = send(browser, text_of(LAB))
    said = words(the(page(response), "main"))
    assert response.status_code == 200
    assert "Added: 1 · changed: 1 · left as they are: 1" in said
    assert "local / custom-lab is changed remark: – → Ours" in said
    assert "local / custom-lab / lab-7b is added label: Lab" in said
    assert "1 stays as it is" in said
    assert written(exporting.current()) == before


def test_a_preview_shows_what_the_file_cannot_bring(browser):
    cloud = {"env_id": "env-a", "kind": "cloudbase", "name": "Demo"}
    local_one = json.loads(text_of(LAB))["environments"][0]
    team = {"name": "Lab", "members": ["nobody"]}
    response = sent(browser, text_of(environments=[cloud, local_one], teams=[team]))
    said = words(the(page(response), "main"))
    assert "API keys have to be entered for these environments: 1 env-a $.environments[0]" in said
    assert "local/custom-lab $.environments[1].groups[0]" in said
    assert "nobody $.teams[0].members[0]" in said
    assert "The groups of env-a come from the environment itself." in said


def test_where_nothing_is_to_be_done_there_is_nothing_to_confirm(browser, group):
    response = sent(browser, written(exporting.current()))
    assert "There is nothing to do" in words(the(page(response), "main"))
    assert page(response).select_one("#confirm") is None


def test_a_preview_takes_the_same_queries_however_much_there_is(browser, group):
    def queries(number: int) -> int:
        models = [{"name": f"m{each}"} for each in range(number)]
        with CaptureQueriesContext(connection) as captured:
            sent(browser, text_of(LAB | {"models": models}))
        return len(captured)

    queries(1)
    assert queries(2) == queries(60)


# Confirming


def test_what_was_confirmed_is_done(browser, group, root):
    response = confirmed(browser, sent(browser, text_of(LAB)))
    assert response.status_code == 302
    group.refresh_from_db()
    assert group.remark == "Ours"
    assert AIModel.objects.get().label == "Lab"
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"root"}
    said = the(page(browser.get(response.url)), ".messages")
    assert "2 parts were imported." in words(said)


def test_a_preview_that_is_out_of_date_is_shown_again(browser, group):
    preview = sent(browser, text_of(LAB))
    ModelGroup.objects.update(remark="Theirs")
    again = confirmed(browser, preview)
    assert again.status_code == 409
    said = words(the(page(again), "main"))
    assert "Something changed here meanwhile." in said
    assert "remark: Theirs → Ours" in said
    group.refresh_from_db()
    assert group.remark == "Theirs"
    assert confirmed(browser, again).status_code == 302
    group.refresh_from_db()
    assert group.remark == "Ours"


def test_what_has_become_impossible_meanwhile_is_refused(browser, group):
    environment = {"env_id": "env-a", "kind": "cloudbase", "name": "Demo"}
    preview = sent(browser, text_of(environments=[environment]))
    Environment.objects.create(kind="cloudbase", env_id="env-b", name="Demo")
    response = confirmed(browser, preview)
    assert response.status_code == 409
    assert "Another environment has this name" in words(the(page(response), "main"))


# Refusals


def problems(response: Any) -> dict[str, str]:
    """What the page says, by the place of it."""
    listed = page(response).select("main [role=alert] li")
    return {words(the(each, "code")): words(the(each, ".form-error")) for each in listed}


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ('{"format": 1, 2}', "line 1, column 15", "member name"),
        (text_of({"name": "deepseek"}), "$.environments[0].groups[0].name", "vendor"),
        (text_of({"name": 3}), "$.environments[0].groups[0].name", "text"),
        (text_of(LAB | {"color": 1}), "$.environments[0].groups[0].color", "no such member"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_was_typed_stays(browser, text, place, says):
    response = sent(browser, text)
    assert response.status_code == 422
    found = problems(response)
    assert list(found) == [place]
    assert says in found[place]
    assert the(page(response), "[name=text]").text.strip() == text
    assert not ModelGroup.objects.exists()


@pytest.mark.parametrize("end", ["", ",,"])
def test_a_secret_that_was_typed_does_not_come_back(browser, end):
    text = text_of(LAB | {"api_key": CANARY}) + end
    response = sent(browser, text)
    assert response.status_code == 422
    assert CANARY not in response.content.decode()
    both = sent(browser, text, file=BytesIO(b"{}"))
    assert CANARY not in both.content.decode()


def test_a_long_list_of_mistakes_is_cut(browser):
    models = [{"name": each} for each in range(205)]
    response = sent(browser, text_of(LAB | {"models": models}))
    assert len(problems(response)) == 200
    assert "5 more are not listed." in words(the(page(response), "main"))


def test_a_file_or_its_text_is_needed_and_not_both(browser):
    for response, says in (
        (sent(browser), "Choose a file"),
        (sent(browser, " \n"), "Choose a file"),
        (sent(browser, "{}", file=BytesIO(b"{}")), "not both"),
    ):
        assert response.status_code == 422
        assert says in words(the(page(response), "main form"))


def test_a_file_that_is_too_large_is_refused(browser):
    response = uploaded(browser, b" " * (LARGEST + 1))
    assert response.status_code == 422
    assert "larger than 2,000,000 bytes" in words(the(page(response), "main form"))
    assert sent(browser, "字" * (LARGEST // 3 + 1)).status_code == 422


def test_a_file_that_is_no_text_is_refused(browser):
    response = uploaded(browser, b'{"a": "\xff"}')
    assert "byte at 7" in words(the(page(response), "main form"))


def test_a_byte_order_mark_is_no_mistake(browser):
    assert uploaded(browser, b"\xef\xbb\xbf" + text_of(LAB).encode()).status_code == 200


# What remains to be done


def test_keys_that_are_not_stored_are_listed_with_the_way_to_them(browser, group):
    cloud = Environment.objects.create(kind="cloudbase", env_id="env-a", name="Demo")
    other = ModelGroup.objects.create(environment=group.environment, name="custom-new")
    shown = page(browser.get(reverse(PAGE)))
    ways = {link["href"] for link in shown.select("main .names a")}
    assert ways == {
        reverse("environment_settings", args=[cloud.pk]) + "#keys",
        reverse("group_settings", args=[other.environment_id, "custom-new"]),
    }


def test_the_navigation_leads_here(browser):
    assert page(browser.get(reverse(PAGE))).select_one(f'.desk-nav [href="{reverse(PAGE)}"]')


# The commands


def command(name: str, *arguments: Any) -> str:
    output = StringIO()
    call_command(name, *arguments, stdout=output, stderr=StringIO())
    return output.getvalue()


def test_the_command_exports_to_standard_output_or_to_a_file(group, tmp_path):
    file = tmp_path / "here.json"
    command("export_configuration", file)
    assert file.read_text() == command("export_configuration") == written(exporting.current())


def test_a_place_that_cannot_be_written_is_told(group, tmp_path):
    with pytest.raises(CommandError, match="Cannot write"):
        command("export_configuration", tmp_path)


def test_the_command_imports_and_says_what_it_did(group, tmp_path):
    file = tmp_path / "here.json"
    file.write_text(text_of(LAB))
    said = command("import_configuration", file)
    assert "local / custom-lab is changed\n    remark: – → Ours" in said
    assert "local / custom-lab / lab-7b is added\n    label: Lab" in said
    assert "Imported." in said
    assert AIModel.objects.get().label == "Lab"
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"command line"}


def test_a_dry_run_changes_nothing(group, tmp_path):
    file = tmp_path / "here.json"
    file.write_text(text_of(LAB))
    assert "Nothing was changed" in command("import_configuration", file, "--dry-run")
    assert not AIModel.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "line 1, column 2: "),
        (text_of({"name": "deepseek"}).encode(), r"\$\.environments\[0\]\.groups\[0\]\.name: "),
        (b"\xff", "no text in UTF-8"),
        (b" " * (LARGEST + 1), "larger than"),
        (None, "Cannot read"),
    ],
)
def test_the_command_refuses_what_cannot_be_imported(group, tmp_path, content, says):
    file = tmp_path / "here.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CommandError, match=says):
        command("import_configuration", file)
    assert not AIModel.objects.exists()
