"""A CloudBase environment on loopback, with its row, and what is known of it."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async

from admin_models import connections
from admin_models.models import Environment
from admin_models.preflight import gate, rules, seeing
from admin_models.preflight.checks import Subject, Verdict
from tests.fakes.environment import CloudBaseEnvironment
from tests.fakes.environment_state import API_KEY, SECRET_ID, SECRET_KEY


@pytest.fixture
async def cloud():
    """A CloudBase environment that is what it is told to be."""
    async with CloudBaseEnvironment() as fake:
        yield fake


@pytest.fixture
async def connected(transactional_db):
    """The application can call out."""
    async with connections.opened():
        yield


@pytest.fixture
async def environment(connected, cloud):
    """The row of `cloud`, with all keys."""
    return await make_environment(cloud)


async def make_environment(
    cloud: CloudBaseEnvironment, name: str = "Demo", *, has_cloud_keys: bool = True
) -> Environment:
    """A row for a fake environment."""
    row = Environment(
        kind=Environment.Kind.CLOUDBASE,
        name=name,
        env_id=cloud.state.env_id,
        base_url=cloud.gateway_url,
        control_url=cloud.control_url,
    )
    row.keep_key(API_KEY)
    if has_cloud_keys:
        row.keep_cloud_keys(SECRET_ID, SECRET_KEY)
    await row.asave()
    return row


async def verdict_on(environment: Environment, subject: Subject) -> Verdict:
    """What is stored of `environment`, judged now."""
    facts = await database_sync_to_async(seeing.facts_of)(environment)
    return rules.verdict(facts, subject, gate.terms())
