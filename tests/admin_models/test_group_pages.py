"""The pages of groups: all of them, a new one, one to change, and their end."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from admin_models import crypto, local
from admin_models.models import AIModel, AuditEntry, Environment, ModelGroup
from chat.models import Conversation
from tests.admin_models import labs
from tests.admin_models.browsers import signed_in
from tests.admin_models.conftest import make_environment
from tests.admin_models.group_pages import HTMX, KEY, at, form_of, typed
from tests.admin_models.labs import LAB, listed_in
from tests.pages.html import page, the, words


@pytest.fixture
async def browser(root):
    return await signed_in(root)


@pytest.fixture
async def here(connected):
    """The local environment with a custom group."""
    return await labs.in_this_installation()


@pytest.fixture
async def there(environment, cloud):
    """A CloudBase environment with a custom group."""
    labs.in_cloud(cloud)
    return environment


@pytest.fixture(params=["here", "there"])
def place(request):
    """An environment of either kind."""
    return request.getfixturevalue(request.param)


def row_of(soup, name: str):
    return next(row for row in soup.select(".board tbody tr") if name in words(row))


# All of them


async def test_every_group_is_listed_with_what_matters(browser, there):
    soup = page(await browser.get(at(there, "environment_groups")))
    lab = words(row_of(soup, LAB))
    assert "https://llm.example/v1" in lab
    assert "kept by the environment" in lab
    assert [words(row_of(soup, name)).split()[0] for name in ("cloudbase", "hunyuan-exp")]
    assert [box["value"] for box in soup.select("[name=group]")] == [LAB]


async def test_a_local_group_says_who_set_its_key(browser, here, root):
    await browser.post(
        at(here, "group_settings", LAB), await form_of(browser, here, LAB) | {"api_key": KEY}
    )
    soup = page(await browser.get(at(here, "environment_groups")))
    assert "set by root" in words(row_of(soup, LAB))
    await ModelGroup.objects.filter(name=LAB).aupdate(sealed_key="")
    soup = page(await browser.get(at(here, "environment_groups")))
    assert "not set" in words(row_of(soup, LAB))


async def test_without_the_pair_nothing_is_offered_that_cannot_be_done(browser, connected, cloud):
    bare = await make_environment(cloud, has_cloud_keys=False)
    soup = page(await browser.get(at(bare, "environment_groups")))
    assert "secret id and key" in words(the(soup, ".aside"))
    assert not soup.select(f'[href="{at(bare, "group_new")}"]')


async def test_an_environment_that_does_not_answer_says_so(browser, there, cloud):
    await browser.get(at(there, "environment_groups"))
    cloud.quirks.forbidden_actions = {"DescribeAIModels"}
    response = await browser.post(at(there, "groups_recheck"))
    soup = page(await browser.get(response.url))
    assert "could not be asked" in words(the(soup, ".aside"))
    assert row_of(soup, LAB)


async def test_no_group_is_an_invitation(browser, connected):
    environment = await database_sync_to_async(local.environment)()
    soup = page(await browser.get(at(environment, "environment_groups")))
    assert "No group yet" in words(the(soup, ".empty"))


# A new one


async def test_a_new_group_is_registered_with_its_key_sealed(browser, place):
    response = await browser.post(at(place, "group_new"), typed())
    assert response.url == at(place, "group_settings", "custom-new")
    assert await listed_in(place, "custom-new") == {"lab-7b", "lab-70b"}
    soup = page(await browser.get(response.url))
    assert "was registered" in words(the(soup, ".messages"))
    record = await AuditEntry.objects.aget(action="group.created")
    assert (record.actor, KEY in str(record.after)) == ("root", False)


async def test_a_local_key_can_be_used_and_not_read(browser, here):
    await browser.post(at(here, "group_new"), typed())
    row = await ModelGroup.objects.aget(name="custom-new")
    assert crypto.unseal(row.sealed_key) == KEY
    for name in ("group_settings",):
        assert KEY not in (await browser.get(at(here, name, "custom-new"))).content.decode()


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"name": "deepseek"}, "name-check", "vendor"),
        ({"name": "custom"}, "name-check", "custom-lab"),
        ({"name": "Custom-Lab"}, "name-check", "custom-lab"),
        ({"name": "cloudbase"}, "name-check", "by itself"),
        ({"name": LAB}, "name-check", "already"),
        ({"base_url": "llm.example"}, "id_base_url_error", ""),
        ({"base_url": "https://a:b@llm.example/v1"}, "id_base_url_error", ""),
        ({"api_key": "two words"}, "id_api_key_error", ""),
        ({"more": "m" * 121}, "id_more_error", "no name of a model"),
    ],
)
async def test_what_cannot_be_is_refused_where_it_was_typed(browser, here, changes, field, says):
    response = await browser.post(at(here, "group_new"), typed(**changes))
    soup = page(response)
    assert response.status_code == 422
    assert says in words(the(soup, f"#{field}"))
    for name, value in typed(**changes).items():
        place = the(soup, f"[name={name}]")
        if name not in ("api_key", "is_on"):
            assert value == (
                place.text.lstrip("\n") if place.name == "textarea" else place["value"]
            )
    assert typed(**changes)["api_key"] not in response.content.decode()
    assert (
        not await ModelGroup.objects.filter(name=changes.get("name", "custom-new"))
        .exclude(name=LAB)
        .aexists()
    )


async def test_a_private_address_is_refused_before_anything_is_called(browser, here):
    for url in ("http://169.254.169.254/v1", "http://10.0.0.8/v1", "http://[::1]:8/v1"):
        response = await browser.post(at(here, "group_new"), typed(base_url=url))
        assert response.status_code == 422
        assert the(page(response), "#id_base_url_error")


@pytest.mark.parametrize(
    ("secrets", "field"),
    [
        ({"api_key": ""}, "api_key"),
        ({"api_key": "", "secret_id": "AKID"}, "secret_key"),
        ({"api_key": "", "secret_key": "s"}, "secret_id"),
        ({"secret_id": "AKID", "secret_key": "s"}, "api_key"),
    ],
)
async def test_cloudbase_takes_one_whole_secret(browser, there, cloud, secrets, field):
    response = await browser.post(at(there, "group_new"), typed(**secrets))
    assert response.status_code == 422
    assert the(page(response), f"#id_{field}_error")
    assert labs.writes(cloud, "CreateAIModel") == []


async def test_a_pair_goes_to_cloudbase_as_a_pair(browser, there, cloud):
    pair = {"api_key": "", "secret_id": "AKID", "secret_key": "shh"}
    await browser.post(at(there, "group_new"), typed(**pair))
    (sent,) = labs.writes(cloud, "CreateAIModel")
    assert (sent["Secret"]["SecretId"], sent["Secret"]["SecretKey"]) == ("AKID", "shh")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("AuthFailure", ""),
        ("OperationDenied.FreePackageDenied", "plan"),
        ("LimitExceeded", ""),
        ("InvalidParameter", ""),
    ],
)
async def test_a_refusal_of_the_service_keeps_what_was_typed(browser, there, cloud, code, says):
    cloud.quirks.refused_actions = {"CreateAIModel": code}
    response = await browser.post(at(there, "group_new"), typed())
    soup = page(response)
    assert response.status_code == 422
    assert says in words(the(soup, "form > .form-error"))
    assert the(soup, "[name=base_url]")["value"] == "https://llm.example/v1"
    assert KEY not in response.content.decode()


async def test_the_name_is_checked_as_it_is_typed(browser, here):
    async def said(name: str) -> str:
        response = await browser.get(at(here, "group_name_check"), {"name": name}, headers=HTMX)
        return words(page(response))

    assert "vendor" in await said("deepseek")
    assert "model" in await said("gpt-4o")
    assert "already" in await said(LAB)
    assert "can be taken" in await said("custom-other")


# One to change


async def test_an_empty_key_and_the_mask_keep_what_is_stored(browser, here):
    for key in ("", "••••••••", "********"):
        form = await form_of(browser, here, LAB)
        await browser.post(
            at(here, "group_settings", LAB),
            form | {"api_key": key, "remark": f"r{len(key)}{key[:1]}"},
        )
        row = await ModelGroup.objects.aget(name=LAB)
        assert crypto.unseal(row.sealed_key) == "sk-old"
    assert row.remark == "r8*"


async def test_a_key_can_be_replaced_and_removed(browser, here):
    form = await form_of(browser, here, LAB)
    await browser.post(at(here, "group_settings", LAB), form | {"api_key": KEY})
    row = await ModelGroup.objects.select_related("key_set_by").aget(name=LAB)
    assert (crypto.unseal(row.sealed_key), row.key_set_by.username) == (KEY, "root")
    await browser.post(at(here, "group_settings", LAB), form | {"remove_key": "on"})
    assert not (await ModelGroup.objects.aget(name=LAB)).has_key


async def test_a_stored_key_does_not_follow_to_another_server(browser, place):
    form = await form_of(browser, place, LAB)
    elsewhere = {"base_url": "https://other.example/v1"}
    response = await browser.post(at(place, "group_settings", LAB), form | elsewhere)
    assert response.status_code == 422
    assert "another server" in words(the(page(response), "#id_api_key_error"))
    other_path = {"base_url": "https://llm.example/v2"}
    response = await browser.post(at(place, "group_settings", LAB), form | other_path)
    assert response.status_code == 302
    response = await browser.post(
        at(place, "group_settings", LAB), form | elsewhere | {"api_key": KEY}
    )
    assert response.status_code == 302


async def test_saving_what_is_there_changes_nothing(browser, place):
    before = await AuditEntry.objects.acount()
    form = await form_of(browser, place, LAB)
    response = await browser.post(at(place, "group_settings", LAB), form)
    assert "Nothing was changed" in words(page(await browser.get(response.url)))
    assert await AuditEntry.objects.acount() == before


async def test_a_group_is_switched_off_and_on(browser, place):
    await browser.post(at(place, "group_switch", LAB), {"status": "2"})
    soup = page(await browser.get(at(place, "group_settings", LAB)))
    assert "nobody can call" in words(the(soup, ".messages"))
    assert words(the(soup, ".desk-head .tag")) == "off"
    assert not await AIModel.objects.ready().filter(group__name=LAB).aexists()
    await browser.post(at(place, "group_switch", LAB), {"status": "1"})
    assert await AIModel.objects.ready().filter(group__name=LAB).aexists()


async def test_a_built_in_group_has_no_form(browser, there):
    response = await browser.get(at(there, "group_settings", "cloudbase"))
    assert not page(response).select("[name=base_url]")
    response = await browser.post(at(there, "group_settings", "cloudbase"), typed())
    assert response.status_code == 404
    assert (await browser.get(at(there, "group_settings", "custom-none"))).status_code == 404


async def test_a_refused_change_says_so_and_keeps_what_was_typed(browser, there, cloud):
    form = await form_of(browser, there, LAB)
    cloud.quirks.refused_actions = {"UpdateAIModel": "LimitExceeded"}
    response = await browser.post(
        at(there, "group_settings", LAB), form | {"remark": "new", "api_key": KEY}
    )
    assert response.status_code == 409
    assert the(page(response), "form > .form-error")
    assert the(page(response), "[name=remark]")["value"] == "new"
    assert KEY not in response.content.decode()


# Their end


async def test_what_depends_on_a_group_is_shown_before_it_is_deleted(browser, here, alice):
    model = await AIModel.objects.aget(name="lab-7b")
    await Conversation.objects.acreate(owner=alice, title="t", model=model)
    await browser.post(at(here, "group_new"), typed())
    chosen = {"group": [LAB, "custom-new"]}
    soup = page(await browser.get(at(here, "groups_delete"), chosen))
    assert "Delete 2 groups?" in words(the(soup, "h1"))
    assert "lab-7b" in words(the(soup, ".names"))
    assert "1" in words(soup.select(".sheet > ul")[-1])
    assert await ModelGroup.objects.filter(name=LAB).aexists()
    response = await browser.post(at(here, "groups_delete"), chosen)
    assert response.url == at(here, "environment_groups")
    assert not await ModelGroup.objects.filter(name__startswith="custom-").aexists()
    assert await Conversation.objects.filter(model=None).aexists()


async def test_a_group_is_deleted_in_its_environment(browser, there, cloud):
    await browser.get(at(there, "environment_groups"))
    await browser.post(at(there, "groups_delete"), {"group": LAB})
    assert cloud.state.group(LAB) is None
    assert LAB not in words(the(page(await browser.get(at(there, "environment_groups"))), "table"))


async def test_nothing_chosen_and_what_is_built_in_is_not_deleted(browser, there, cloud):
    for chosen in ({}, {"group": "cloudbase"}):
        response = await browser.post(at(there, "groups_delete"), chosen)
        assert response.url == at(there, "environment_groups")
    assert labs.writes(cloud, "DeleteAIModel") == []


async def test_a_refused_deletion_says_so(browser, there, cloud):
    cloud.quirks.refused_actions = {"DeleteAIModel": "OperationDenied"}
    response = await browser.post(at(there, "groups_delete"), {"group": LAB})
    assert response.status_code == 409
    assert the(page(response), ".form-error")


# For whom, and how fast


PAGES = ("environment_groups", "group_new", "group_name_check", "groups_delete")
OF_A_GROUP = ("group_settings", "group_models", "group_trial", "group_list_models", "group_switch")


async def test_the_pages_are_for_administrators(here, alice):
    browser = await signed_in(alice)
    addresses = [at(here, name) for name in PAGES] + [at(here, name, LAB) for name in OF_A_GROUP]
    for address in addresses:
        assert (await browser.get(address)).status_code == 404
        assert (await browser.post(address, typed())).status_code == 404
    assert not await ModelGroup.objects.filter(name="custom-new").aexists()


def fill(environment: Environment, groups: int, models: int) -> None:
    rows = [ModelGroup(environment=environment, name=f"custom-{n}") for n in range(groups)]
    for row in rows:
        row.base_url = "https://llm.example/v1"
    made = ModelGroup.objects.bulk_create(rows)
    AIModel.objects.bulk_create(
        AIModel(group=row, name=f"model-{n}") for row in made for n in range(models)
    )


def queries(client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


@pytest.mark.parametrize(
    "path", ["groups/", "groups/custom-0/", "groups/new/", "groups/delete/?group=custom-0"]
)
def test_fifty_groups_of_fifty_models_take_no_more_queries_than_one(root, path):
    client = Client()
    client.force_login(root)
    environment = local.environment()
    page_of = reverse("environment_settings", args=[environment.pk]) + path
    fill(environment, 1, 1)
    few = queries(client, page_of)
    ModelGroup.objects.all().delete()
    fill(environment, 50, 50)
    assert queries(client, page_of) == few
