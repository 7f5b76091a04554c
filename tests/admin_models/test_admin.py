"""The administration pages: keys go in and never come out."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from admin_models import crypto, local
from admin_models.models import ModelGroup, Observation, PackStatus, TokenPack

CANARY = "sk-canary-1234567890"
NO_MODELS = {"models-TOTAL_FORMS": "0", "models-INITIAL_FORMS": "0"}


@pytest.fixture
def browser(root):
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def group(root):
    group = ModelGroup(
        environment=local.environment(), name="custom-lab", base_url="https://a.example/v1"
    )
    group.keep_key(CANARY)
    group.save()
    return group


def form_of(group: ModelGroup, **changes: object) -> dict[str, object]:
    fields = {
        "environment": group.environment_id,
        "name": group.name,
        "base_url": group.base_url,
        "status": group.status,
        "remark": "",
        "new_key": "",
    }
    return fields | NO_MODELS | changes


def change_url(group: ModelGroup) -> str:
    return reverse("admin:admin_models_modelgroup_change", args=[group.pk])


def test_no_page_shows_a_stored_key(browser, group):
    for url in (change_url(group), reverse("admin:admin_models_modelgroup_changelist")):
        page = browser.get(url).content.decode()
        assert CANARY not in page
        assert group.sealed_key not in page


def test_saving_with_an_empty_field_keeps_the_key(browser, group):
    browser.post(change_url(group), form_of(group, base_url="https://b.example/v1"))
    group.refresh_from_db()
    assert group.base_url == "https://b.example/v1"
    assert crypto.unseal(group.sealed_key) == CANARY


def test_a_new_key_replaces_the_old_one(browser, group):
    browser.post(change_url(group), form_of(group, new_key="sk-another"))
    group.refresh_from_db()
    assert crypto.unseal(group.sealed_key) == "sk-another"


def test_a_key_is_removed_when_asked(browser, group):
    browser.post(change_url(group), form_of(group, remove_key="on"))
    group.refresh_from_db()
    assert not group.has_key


def test_a_refused_form_does_not_give_the_typed_key_back(browser, group):
    page = browser.post(change_url(group), form_of(group, name="deepseek", new_key="sk-typed-key"))
    assert page.status_code == 200
    assert "sk-typed-key" not in page.content.decode()


def test_people_who_are_not_staff_are_refused(group, alice):
    client = Client()
    client.force_login(alice)
    assert client.get(change_url(group)).status_code in (302, 403)


def test_a_pack_is_issued_extended_and_disabled(browser):
    environment = local.environment()
    TokenPack.objects.all().delete()
    add = reverse("admin:admin_models_tokenpack_add")
    browser.post(add, {"environment": environment.pk, "size_tokens": 1000})
    pack = TokenPack.objects.get()
    assert (pack.size_tokens, pack.status) == (1000, PackStatus.ACTIVE)
    change = reverse("admin:admin_models_tokenpack_change", args=[pack.pk])
    browser.post(change, {"size_tokens": 2000, "used_tokens": 5, "is_disabled": "on"})
    pack.refresh_from_db()
    assert (pack.size_tokens, pack.used_tokens, pack.is_disabled) == (2000, 0, True)


def test_what_was_seen_can_be_read_and_not_written(browser):
    row = Observation.objects.create(environment=local.environment(), action="DescribeAIModels")
    change = reverse("admin:admin_models_observation_change", args=[row.pk])
    assert "DescribeAIModels" in browser.get(change).content.decode()
    assert browser.post(change, {"action": "Other"}).status_code == 403
    assert browser.get(reverse("admin:admin_models_observation_add")).status_code == 403
