"""Pages as a browser gets them, without a browser."""

from __future__ import annotations

import pytest
from django.test import Client

from admin_models import local
from admin_models.models import AIModel, ModelGroup
from chat.models import Conversation


@pytest.fixture
def ready_model(db):
    """A model that can be chosen; nothing here asks it."""
    group = ModelGroup(
        environment=local.environment(), name="custom-lab", base_url="http://127.0.0.1:9/v1"
    )
    group.keep_key("sk-lab")
    group.save()
    return AIModel.objects.create(group=group, name="lab-7b", notice="Often wrong.")


@pytest.fixture
def talk(alice, ready_model):
    return Conversation.objects.create(owner=alice, title="A talk", model=ready_model)


@pytest.fixture
def visitor():
    return Client()


@pytest.fixture
def alices_browser(alice):
    browser = Client()
    browser.force_login(alice)
    return browser


@pytest.fixture
def roots_browser(root):
    browser = Client()
    browser.force_login(root)
    return browser
