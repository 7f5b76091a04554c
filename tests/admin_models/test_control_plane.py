"""From an environment to its management, whichever kind it is."""

from __future__ import annotations

import pytest

from admin_models import connections, control_plane
from admin_models.local_control_plane import LocalControlPlane
from admin_models.models import Environment
from chat.cloudbase.errors import SecretPairMissing
from tests.admin_models.conftest import make_environment
from tests.fakes.environment_state import SECRET_ID


async def test_the_kind_decides_and_nobody_else_asks(environment):
    said = await control_plane.of(environment).describe_ai_models()
    assert [group.group_name for group in said.value][:1] == ["cloudbase"]
    local = Environment(kind=Environment.Kind.LOCAL, name="Here", env_id="here")
    assert isinstance(control_plane.of(local), LocalControlPlane)


async def test_how_a_service_wants_to_be_spoken_to_is_remembered(cloud, environment):
    cloud.quirks.accepts = "camel"
    for _ in range(3):
        await control_plane.of(environment).describe_ai_models()
    refused = [call.error for call in cloud.control_calls]
    assert refused == ["InvalidParameter", None, None, None]


async def test_other_settings_make_another_app(environment):
    before = connections.cloudbase_app(environment)
    assert connections.cloudbase_app(environment) is before
    environment.keep_key("sk-another")
    assert connections.cloudbase_app(environment) is not before


async def test_values_of_a_form_are_tried_without_being_saved(connected, cloud):
    saved = await make_environment(cloud)
    typed = Environment(kind=saved.kind, env_id=saved.env_id, control_url=saved.control_url)
    typed.keep_cloud_keys(SECRET_ID, "secretFAKE0000000000")
    await control_plane.of(typed).describe_ai_models()
    assert await Environment.objects.acount() == 1


async def test_without_cloud_keys_there_is_no_control_plane(connected, cloud):
    environment = await make_environment(cloud, has_cloud_keys=False)
    with pytest.raises(SecretPairMissing):
        control_plane.of(environment)


async def test_keys_of_a_lost_sealing_key_are_named_as_such(environment):
    environment.sealed_secret_key = "gAAAAAB" + "x" * 60
    with pytest.raises(connections.KeyUnreadable):
        control_plane.of(environment)


async def test_an_app_shows_no_key(environment):
    shown = repr(connections.cloudbase_app(environment)) + repr(environment)
    assert "secretFAKE" not in shown
    assert "made-up-api-key" not in shown
