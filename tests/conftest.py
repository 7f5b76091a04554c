"""The cast of the tests: alice owns, mallory must see nothing, root administers."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import pytest
from asgiref.sync import SyncToAsync
from channels.layers import channel_layers
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, connections

from admin_models import access, append_only, local
from admin_models import connections as clients
from admin_models.models import AIModel, AuditEntry, ModelGroup, Price
from chat.limits import rules
from chat.models import Conversation, Usage
from chat.operations import readiness
from chat.turns import worker
from tests import processes
from tests.fakes.model_server import ModelServer


def pytest_configure() -> None:
    """Leave out what only a long-lived server needs: collected files, and a pool of connections
    (each test has threads of its own, which never give theirs back). The services are on loopback,
    so an operator's setting lets us call them there."""
    settings.PRIVATE_HOSTS = [processes.SERVICES]
    settings.SEND_RATE = settings.UPLOAD_RATE = processes.FAST
    settings.DATABASES["default"]["OPTIONS"].pop("pool", None)
    _have_a_cache_of_our_own()
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


def _have_a_cache_of_our_own() -> None:
    """Workers that test side by side empty it, each its own database of Redis."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if settings.REDIS_URL and worker:
        address = urlsplit(settings.REDIS_URL)
        number = int(worker.removeprefix("gw")) + 1
        settings.CACHES["default"]["LOCATION"] = address._replace(path=f"/{number}").geturl()


@pytest.fixture(scope="session", autouse=True)
def threads_that_let_go(django_db_setup):
    """asgiref's thread keeps its connection; a database that is in use cannot be dropped."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


@pytest.fixture(autouse=True)
def tables_that_only_grow_can_be_emptied(request):
    """After a test that commits, its tables are emptied."""
    mark = request.node.get_closest_marker("django_db")
    is_marked = mark is not None and mark.kwargs.get("transaction", False)
    if not (is_marked or "transactional_db" in request.fixturenames):
        yield
        return
    request.getfixturevalue("_django_db_helper")  # which empties them after what follows
    yield
    for table in (AuditEntry, Price, Usage):
        append_only.unprotect(connection, table._meta.db_table)


@pytest.fixture(autouse=True)
def nobody_told_this_process_to_end():
    """A test that stops a server did, and what was looked at is known for a second."""
    readiness.of_this_process.stay()


@pytest.fixture(autouse=True)
def a_channel_layer_of_its_own():
    """That of an earlier test may have a lock left that belongs to the event loop of then."""
    channel_layers.backends.clear()


@pytest.fixture(autouse=True)
def nobody_knows_what_everyone_may_use():
    """A process keeps that for a second, in which a test may begin."""
    access.forget()


@pytest.fixture(autouse=True)
def nobody_knows_which_limits_there_are():
    """The same of limits."""
    rules.forget()


@pytest.fixture
def alice(transactional_db):
    return User.objects.create_user("alice", "alice@example.org", "correct horse")


@pytest.fixture
def mallory(transactional_db):
    return User.objects.create_user("mallory", "mallory@example.org", "battery staple")


@pytest.fixture
def root(transactional_db):
    return User.objects.create_superuser("root", "root@example.org", "from the start")


@pytest.fixture
async def service():
    """A model service that says what it is told."""
    async with ModelServer() as server:
        yield server


@pytest.fixture
def model(transactional_db, service):
    """A model of a custom group whose address is the fake service."""
    group = ModelGroup(
        environment=local.environment(), name="custom-fake", base_url=service.base_url
    )
    group.keep_key("sk-test-key")
    group.save()
    return AIModel.objects.create(group=group, name="fake-model")


@pytest.fixture
def conversation(alice, model):
    return Conversation.objects.create(owner=alice, title="Test", model=model)


@pytest.fixture
async def serving(transactional_db, settings):
    """The application runs: answers can be written."""
    settings.SHUTDOWN_GRACE_SECONDS = 0
    async with clients.opened(), worker.working():
        yield
