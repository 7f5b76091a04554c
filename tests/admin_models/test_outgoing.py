"""Which addresses this installation calls: public ones, those the operator lists, and its own."""

from __future__ import annotations

import pytest
from django.core import checks
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from admin_models import connections, local
from admin_models.forms.addresses import validate_outgoing
from admin_models.forms.onboarding import IdentityForm, SettingsForm
from admin_models.models import Environment, ModelGroup
from chat.cloudbase import errors

METADATA = "http://169.254.169.254/latest"
TYPED = {"env_id": "lab-1a2b3c", "name": "Lab", "region": "ap-shanghai"}


@pytest.fixture
def nothing_is_listed(settings):
    settings.PRIVATE_HOSTS = []


@pytest.mark.parametrize("field", ["base_url", "control_url"])
@pytest.mark.django_db
def test_onboarding_refuses_an_address_that_is_not_public(nothing_is_listed, field):
    form = IdentityForm({**TYPED, field: METADATA})
    assert not form.is_valid()
    assert "CHATSITE_PRIVATE_HOSTS=169.254.169.254:80" in form.errors[field][0]
    assert form[field].value() == METADATA


@pytest.mark.parametrize("field", ["base_url", "control_url"])
@pytest.mark.django_db
def test_so_do_the_settings_of_an_environment(nothing_is_listed, field):
    row = Environment(kind=Environment.Kind.CLOUDBASE, **TYPED)
    form = SettingsForm({**TYPED, field: METADATA}, instance=row)
    assert [error.code for error in form.errors.as_data()[field]] == ["address_forbidden"]


@pytest.mark.django_db
def test_what_is_listed_passes(settings):
    settings.PRIVATE_HOSTS = ["169.254.169.254:80"]
    assert IdentityForm({**TYPED, "base_url": METADATA}).is_valid()


@pytest.mark.django_db
def test_an_empty_address_is_the_vendors(nothing_is_listed):
    assert IdentityForm(TYPED).is_valid()


@pytest.mark.django_db
def test_connect_refuses_it_with_the_way_out(nothing_is_listed):
    with pytest.raises(CommandError, match=r"CHATSITE_PRIVATE_HOSTS=127\.0\.0\.1:11434"):
        call_command("connect", "custom-lab", "http://127.0.0.1:11434/v1", "m", "--no-key")
    assert not ModelGroup.objects.exists()


@pytest.mark.django_db
def test_connect_leaves_the_embedded_model_alone():
    """Its group is called without an entry in the list."""
    with pytest.raises(CommandError, match="custom-"):
        call_command("connect", "cloudbase", "http://127.0.0.1:1/v1", "m", "--no-key")


def test_an_address_that_is_none_is_refused_as_well():
    with pytest.raises(ValidationError, match="http://"):
        validate_outgoing("http://user:secret@llm.example/v1")


def test_a_list_that_means_nothing_is_found_before_anything_runs(settings):
    assert checks.run_checks() == []
    settings.PRIVATE_HOSTS = ["http://127.0.0.1"]
    (found,) = checks.run_checks()
    assert '"http://127.0.0.1" is no host' in found.msg


async def asked(group: ModelGroup) -> str:
    model = connections.group_client(group)
    said = await model.generate_text(model="m", messages=[{"role": "user", "content": "hi"}])
    return said.text


async def test_a_group_at_a_private_address_is_called_only_if_it_is_listed(
    transactional_db, settings, service, model
):
    settings.PRIVATE_HOSTS = []
    async with connections.opened():
        with pytest.raises(errors.AddressForbidden):
            await asked(model.group)
    settings.PRIVATE_HOSTS = ["127.0.0.1"]
    async with connections.opened():
        assert await asked(model.group)
    assert len(service.requests) == 1


async def test_the_embedded_model_needs_no_entry(nothing_is_listed, service):
    group = ModelGroup(
        environment=Environment(kind=Environment.Kind.LOCAL),
        name=local.GROUP,
        base_url=service.base_url,
    )
    async with connections.opened():
        assert await asked(group)


async def test_and_is_on_this_machine_alone(settings):
    settings.PRIVATE_HOSTS = ["10.0.0.0/8"]
    group = ModelGroup(
        environment=Environment(kind=Environment.Kind.LOCAL),
        name=local.GROUP,
        base_url="http://10.0.0.1/v1",
    )
    async with connections.opened():
        with pytest.raises(errors.AddressForbidden):
            await asked(group)


async def test_both_planes_of_an_environment_are_guarded(nothing_is_listed):
    row = Environment(
        kind=Environment.Kind.CLOUDBASE, env_id="lab", base_url=METADATA, control_url=METADATA
    )
    row.keep_key("k" * 20)
    row.keep_cloud_keys("id" * 10, "k" * 20)
    async with connections.opened():
        app = connections.cloudbase_app(row)
        with pytest.raises(errors.AddressForbidden):
            await app.control_plane().describe_envs()
        with pytest.raises(errors.AddressForbidden):
            await app.ai().bot.list()
