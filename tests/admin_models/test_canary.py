"""A key goes in at every place that takes one, and comes out at none."""

from __future__ import annotations

import asyncio
import base64
import importlib
import io
import json
import logging
import pkgutil
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from bs4 import BeautifulSoup
from django import forms as django_forms
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from admin_models import append_only, crypto, group_changes, local, resealing
from admin_models import forms as our_forms
from admin_models.models import AIModel, Environment, ListVersion, ModelGroup, Team, TokenPack
from admin_models.preflight import asking
from admin_models.routing import urlpatterns as environment_sockets
from chat import forms as chat_forms
from chat.cloudbase.control_plane import AIModelEntry
from chat.models import AlertRecipient, AlertRule, Conversation, Limit, Reconciliation, Usage
from chat.operations.reconciliation import comparing
from chat.routing import urlpatterns as chat_sockets
from tests.admin_models.browsers import Browser, signed_in
from tests.admin_models.canaries import HEAD, Lookout, SecretForm, canary, every_place
from tests.chat.sockets import connected as socket
from tests.chat.sockets import in_thread, opened, settled
from tests.fakes.environment_state import ApiKey
from tests.fakes.signatures import SecretKey
from tests.fakes.telltale import Failure, Telltale

NOWHERE_NOW = {
    "setup",  # there is an administrator
    "admin:view_on_site",  # our tables have no pages of their own
    "account_confirm_email",  # asks for the key of a mail
    "api_nothing",  # says so
}
"""Names of addresses that have nothing to show while everything else is looked at."""
METRICS_TOKEN = "metrics-canary-5fd1"
LIMIT = {
    "measure": "tokens",
    "amount": "1000000000",
    "period": "day",
    "zone": "UTC",
    "is_each": "yes",
    "is_hard": "yes",
}
"""What nobody reaches."""


@pytest.fixture
def lookout(settings, caplog):
    """Sees every line of the log, too."""
    for name in ("", *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name or None)
    settings.METRICS_TOKEN = METRICS_TOKEN
    own = (settings.SECRET_KEY, METRICS_TOKEN, *settings.SEALING_KEY_FILE.keys())
    return Lookout(more=own, tokens={"metrics": METRICS_TOKEN})


@pytest.fixture
def cloud_with_canaries(cloud):
    """An environment whose own keys are canaries, so that everything works with them."""
    cloud.state.api_keys = [ApiKey("key-1", canary("api_key"))]
    cloud.state.secret_keys = {canary("secret_id"): SecretKey(canary("secret_key"))}
    return cloud


@pytest.fixture
async def telltale():
    """A model service that refuses, and repeats in its refusal the key it was given."""
    refusal = Failure("401 No", '{"error": {"message": "bad {echo}", "code": "{echo}"}}')
    async with Telltale(refusal) as server:
        yield server


async def test_a_key_that_goes_in_comes_out_nowhere(
    serving, lookout, cloud_with_canaries, telltale, service, root, alice, caplog
):
    browser = await signed_in(root)
    await put_in_everywhere(browser, cloud_with_canaries, telltale, service, lookout)
    await in_thread(every_sealed_column_holds_one)

    await talk(alice, lookout)
    await comparing.compare_all()
    for who in (browser, Browser()):
        await exercise_forms(who, await pages_of(who, lookout), telltale, lookout)
    await import_with_keys(browser, lookout)
    await break_a_page(root, lookout)
    pages = await pages_of(await signed_in(alice), lookout)
    pages += await pages_of(browser, lookout)
    assert_each_place_answered(pages)
    await watch_sockets(pages, root, lookout)

    await in_thread(look_at_commands, lookout)
    await in_thread(lookout.look_at_database)
    lookout.look_at_log(caplog.records)
    assert len(lookout.looked_at) > 300
    for name in ("stdin", "api_key"):
        assert any(canary(name).encode() in heard for heard in telltale.heard)
    assert lookout.seen == []


async def test_the_lookout_sees_what_is_there():
    """Without this, the test above would pass for being blind."""
    key = canary("api_key")
    for shown in (key, key.upper(), key[:6], key[-6:], key.encode().hex(), f"Bearer {key}"):
        lookout = Lookout()
        lookout.look("somewhere", f"<p>{shown}</p>")
        assert lookout.seen, shown
    for before in ("", "a", "ab"):
        lookout = Lookout()
        lookout.look("somewhere", in_base64(f"{before}{key}"))
        assert lookout.seen, before


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# Where keys go in


async def put_in_everywhere(browser, cloud, telltale, service, lookout) -> None:
    """An environment and groups of both kinds, by the pages that make them, and by command."""
    first = identity(cloud.state.env_id, "Demo", cloud.gateway_url, cloud.control_url)
    address = f"{reverse('environment_keys_new')}?{urlencode(first)}"
    keys = {name: canary(name) for name in ("api_key", "secret_id", "secret_key")}
    await saved(browser, address, keys, lookout)
    environment = await Environment.objects.aget(env_id=cloud.state.env_id)
    ours = await in_thread(local.environment)
    await in_thread(connect_by_command, f"{telltale.url}/v1", lookout)
    group = {"name": "custom-page", "more": "fake-model", "is_on": "on"}
    key = {"api_key": canary("api_key")}
    for place in (ours, environment):
        new = reverse("group_new", args=[place.pk])
        await saved(browser, new, group | key | {"base_url": service.base_url}, lookout)
    pair = {"secret_id": canary("secret_id"), "secret_key": canary("secret_key")}
    paired = group | pair | {"name": "custom-pair", "base_url": service.base_url}
    await saved(browser, reverse("group_new", args=[environment.pk]), paired, lookout)
    hook = {"name": "Hook", "url": f"{telltale.url}/hook", "signing_secret": canary("hook")}
    await saved(browser, reverse("alert_recipient_new"), hook, lookout)
    await saved(browser, reverse("limit_new"), LIMIT, lookout)
    await saved(browser, reverse("alerts_sensible"), {}, lookout)
    recipient = await AlertRecipient.objects.aget()
    tried = await browser.post(reverse("alert_recipient_test", args=[recipient.pk]))
    assert "401" in await lookout.look_at_response("a webhook that is tried", tried)
    await make_token(browser, lookout)
    await Team.objects.acreate(name="Writers")
    longer = [AIModelEntry("fake-model"), AIModelEntry("other-model")]
    await group_changes.update(None, ours.pk, "custom-page", seen=longer[:1], wanted=longer)


def identity(env_id: str, name: str, base_url: str, control_url: str) -> dict[str, str]:
    """What the first step of onboarding hands to the second."""
    urls = {"base_url": base_url, "control_url": control_url}
    return {"env_id": env_id, "name": name, "region": "ap-shanghai"} | urls


async def saved(browser, address: str, typed: dict[str, str], lookout: Lookout) -> None:
    response = await browser.post(address, typed)
    assert response.status_code == 302, response.content.decode()
    await lookout.look_at_response(f"POST {address}", response)


async def make_token(browser: Browser, lookout: Lookout) -> None:
    """The page that makes a token shows it, in one place; from then on nothing does."""
    typed = {"name": "Report", "scopes": ["usage:read"]}
    answer = await browser.post(reverse("api_tokens"), typed)
    text = answer.content.decode()
    token = str(BeautifulSoup(text, "html.parser").select("#new-token input")[0]["value"])
    secret = token[-43:]
    assert text.count(secret) == 1
    assert secret not in str(answer.headers)
    lookout.more += (secret,)
    lookout.tokens |= {"api_usage_rows": token, "api_usage_sums": token}


def connect_by_command(url: str, lookout: Lookout) -> None:
    """As somebody types it: the key comes from standard input."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO(f"{canary('stdin')}\n"))
        call_command("connect", "custom-command", url, "fake-model", stdout=said, stderr=said)
    lookout.look("manage.py connect", said.getvalue())


def every_sealed_column_holds_one() -> None:
    """Whoever adds a column of this kind puts a canary into it above."""
    for model, name in resealing.columns():
        sealed = model._default_manager.exclude(**{name: ""}).values_list(name, flat=True)
        held = [crypto.unseal(value) for value in sealed]
        assert any(HEAD in key for key in held), f"no canary in {model.__name__}.{name}"


async def exercise_forms(
    browser: Browser, pages: list[Page], telltale: Telltale, lookout: Lookout
) -> None:
    """Fill in every form that asks for a secret, in good and in bad ways, and press each of its
    buttons."""
    filled = {"name": "custom-filled", "base_url": f"{telltale.url}/v1", "more": "m"}
    forms = {
        (page.name, form.secrets, *form.fields): form
        for page in pages
        for form in SecretForm.all_on(page.html, page.address)
    }.values()
    for form in forms:
        for action, sent, headers in form.actions:
            for typed in form.typings(filled):
                answer = await browser.post(action, typed | sent, headers=headers)
                await lookout.look_at_response(f"POST {action}", answer)
    asked_for = {name for form in forms for name in form.secrets}
    is_somebody = "sessionid" in browser.cookies
    assert fields_for_secrets() <= asked_for if is_somebody else "password" in asked_for


def fields_for_secrets() -> set[str]:
    """The names of all fields of our forms that hide what is typed."""
    names = set()
    modules = (
        module
        for forms in (our_forms, chat_forms)
        for module in pkgutil.iter_modules(forms.__path__, f"{forms.__name__}.")
    )
    for module in modules:
        for member in vars(importlib.import_module(module.name)).values():
            if isinstance(member, type) and issubclass(member, django_forms.BaseForm):
                fields = getattr(member, "base_fields", {})
                names |= {
                    name
                    for name, each in fields.items()
                    if isinstance(each.widget, django_forms.PasswordInput)
                }
    assert {"api_key", "secret_id", "secret_key", "signing_secret"} <= names
    return names


async def import_with_keys(browser: Browser, lookout: Lookout) -> None:
    """A file into which somebody wrote keys is refused, and nothing of them is repeated."""
    exported = await browser.get(reverse("configuration_export"))
    address = reverse("configuration_import")
    for number, text in enumerate(spoilt(exported.json())):
        answer = await browser.post(address, {"text": text})
        assert answer.status_code == 422, text
        await lookout.look_at_response(f"POST {address} {number}", answer)
        file = io.BytesIO(text.encode())
        file.name = "configuration.json"
        answer = await browser.post(address, {"file": file})
        await lookout.look_at_response(f"POST {address} file {number}", answer)


def spoilt(configuration: dict[str, Any]) -> list[str]:
    """The configuration with a key in each of its objects, one at a time; and broken off."""
    found = []
    for name in ("api_key", "sealed_key", "secret", "password"):
        for holder in objects_in(configuration):
            holder[name] = canary(name)
            found.append(json.dumps(configuration))
            del holder[name]
    found.append(json.dumps(configuration | {"api_key": canary("api_key")})[:-1])
    return found


def objects_in(value: Any) -> list[dict[str, Any]]:
    """One object of every kind: the first of each list."""
    if isinstance(value, dict):
        return [value, *(each for member in value.values() for each in objects_in(member))]
    return objects_in(value[0]) if isinstance(value, list) and value else []


# Where they might come out


async def talk(alice, lookout: Lookout) -> None:
    """Ask each model: the telltale's refusal has the key in it, and stays in the conversation."""
    refusals = 0
    async for model in AIModel.objects.filter(is_enabled=True):
        conversation = await Conversation.objects.acreate(owner=alice, title="T", model=model)
        async with opened(conversation, alice) as page:
            await page.ask("hello?")
            await page.until_status("done", "failed")
            await settled()
            lookout.look(f"socket of a conversation with {model}", page.frames)
            refusals += "[removed]" in page.turns_text()
    assert refusals


async def watch_sockets(pages: list[Page], root, lookout: Lookout) -> None:
    """Open the socket of every page that has one, and let everything be asked anew."""
    found = {url for page in pages for url in page.sockets()}
    known = {route.name: route for route in (*environment_sockets, *chat_sockets)}
    by_name = {name_of(url, known.values()): url for url in found}
    assert set(by_name) == set(known)
    async with AsyncExitStack() as stack:
        sockets = {}
        for name, url in by_name.items():
            sockets[name], is_in, _ = await stack.enter_async_context(socket(url, root))
            assert is_in
        async for environment in Environment.objects.all():
            await asking.renew(environment.pk)
        await asyncio.sleep(0.5)
        for name, communicator in sockets.items():
            while not communicator.output_queue.empty():
                lookout.look(f"socket {name}", communicator.output_queue.get_nowait())
        assert {f"socket {name}" for name in sockets} & lookout.looked_at


def name_of(url: str, routes: Iterable[Any]) -> str:
    path = url.partition("?")[0].removeprefix("/")
    return next(str(route.name) for route in routes if route.pattern.match(path))


async def break_a_page(root, lookout: Lookout) -> None:
    """The database refuses to change an environment: the page breaks with keys in its hands."""
    browser = Browser(raise_request_exception=False)
    await browser.aforce_login(root)
    environment = await Environment.objects.aget(name="Demo")
    table = Environment._meta.db_table
    await in_thread(append_only.protect, connection, table)
    try:
        address = reverse("environment_keys", args=[environment.pk])
        keys = {name: canary(name) for name in ("api_key", "secret_id", "secret_key")}
        answer = await browser.post(address, keys)
    finally:
        await in_thread(append_only.unprotect, connection, table)
    assert answer.status_code == 500
    await lookout.look_at_response("the page of an error", answer)


@dataclass(frozen=True)
class Page:
    """What an address answered; `html` is empty for everything else."""

    name: str
    address: str
    status: int
    html: str

    def sockets(self) -> list[str]:
        """The addresses of the sockets that the page opens."""
        parts = BeautifulSoup(self.html, "html.parser").select(r"[hx-ws\:connect]")
        return [str(part["hx-ws:connect"]) for part in parts]


async def pages_of(browser: Browser, lookout: Lookout) -> list[Page]:
    """Look at every address of the site."""
    pages = []
    for name, address in await in_thread(every_address):
        token = lookout.tokens.get(name)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await browser.get(address, headers=headers)
        text = await lookout.look_at_response(f"GET {address}", answer)
        is_html = answer.status_code == 200 and "text/html" in answer.headers["content-type"]
        pages.append(Page(name, address, answer.status_code, text if is_html else ""))
    return pages


def assert_each_place_answered(pages: list[Page]) -> None:
    """Whoever adds an address sees to it that there is something to look at."""
    answered = {page.name for page in pages if page.status != 404}
    silent = {place.name for place in every_place()} - answered
    assert silent <= NOWHERE_NOW, f"nothing was seen of {silent - NOWHERE_NOW}"


def every_address() -> list[tuple[str, str]]:
    """Each with its name; what varies in it is what there is."""
    tables = (Environment, Conversation, Team, User, AlertRule, AlertRecipient, Usage, Limit)
    numbers = {
        number
        for table in tables
        for number in table.objects.order_by("pk").values_list("pk", flat=True)[:3]
    }
    candidates: dict[str, Sequence[object]] = {
        "pk": sorted(numbers),
        "object_id": sorted(numbers),
        "name": sorted(set(ModelGroup.objects.values_list("name", flat=True))),
        "group": ["cloudbase", "custom-page"],
        "env_id": ["env-demo"],
        "measure": ["errors"],
        "day": sorted(map(str, Reconciliation.objects.values_list("day", flat=True)))[-1:],
        "model": [AIModel.objects.first().pk, "deepseek-v4-flash", "fake-model"],
        "version": list(ListVersion.objects.values_list("pk", flat=True)),
        "pack": list(TokenPack.objects.values_list("pk", flat=True)),
        "app_label": ["auth", "chat", "admin_models"],
        "content_type_id": [ContentType.objects.get_for_model(Environment).pk],
        "id": [1],
        "token": ["no-token"],
        "key": ["no-key"],
        "uidb36": ["1"],
        "url": ["nothing-here/"],
    }
    demo = Environment.objects.get(name="Demo")
    second = identity("env-other", "Other", demo.base_url, demo.control_url)
    queries = {"environment_keys_new": f"?{urlencode(second)}"}
    return [
        (place.name, address + queries.get(place.name, ""))
        for place in every_place()
        for address in place.addresses(candidates)
    ]


def look_at_commands(lookout: Lookout) -> None:
    """What can be taken out of an installation by command."""
    for words in (["export_configuration"], ["dumpdata"], ["check"]):
        said = io.StringIO()
        try:
            call_command(*words, stdout=said, stderr=said)
        except CommandError as error:
            said.write(str(error))
        lookout.look(f"manage.py {words[0]}", said.getvalue())
