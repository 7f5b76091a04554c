"""The list of a group on its page: the change is shown, made, disputed, and taken back."""

from __future__ import annotations

import pytest

from admin_models.models import AuditEntry, ListVersion
from tests.admin_models import labs
from tests.admin_models.browsers import signed_in
from tests.admin_models.group_pages import at, changes, form_of, hidden
from tests.admin_models.labs import LAB, listed_in
from tests.pages.html import page, the, words


@pytest.fixture
async def browser(root):
    return await signed_in(root)


@pytest.fixture
async def here(connected):
    return await labs.in_this_installation()


@pytest.fixture
async def there(environment, cloud):
    labs.in_cloud(cloud)
    return environment


@pytest.fixture(params=["here", "there"])
def place(request):
    """An environment of either kind, whose group lists lab-7b and lab-70b."""
    return request.getfixturevalue(request.param)


async def asked(browser, environment, **changed: str):
    """The page that shows what somebody's change of the form would do."""
    form = await form_of(browser, environment, LAB)
    return await browser.post(at(environment, "group_settings", LAB), form | changed)


async def confirmed(browser, environment, response, **more: str):
    """Click what the page offers."""
    return await browser.post(
        at(environment, "group_models", LAB), hidden(page(response)) | more, follow=True
    )


async def test_a_change_is_shown_before_the_list_is_replaced(browser, place):
    shown = await asked(browser, place, **{"more": "new-1\nnew-1", "models-0-is_removed": "on"})
    name = hidden(page(shown)) and sorted(changes(page(shown)))
    first = (await form_of(browser, place, LAB))["models-0-model"]
    assert name == ["added new-1", f"removed {first}"]
    assert "1 other model stays" in words(the(page(shown), ".help"))
    assert await listed_in(place) == {"lab-7b", "lab-70b"}
    done = await confirmed(browser, place, shown)
    assert "1 model added, 1 model removed" in words(the(page(done), ".messages"))
    assert await listed_in(place) == {"lab-7b", "lab-70b", "new-1"} - {first}


async def test_mcp_and_tags_are_kept_with_their_model(browser, place):
    changed = {"models-0-enable_mcp": "on", "models-0-tags": "fast， cheap,fast"}
    await confirmed(browser, place, await asked(browser, place, **changed))
    form = await form_of(browser, place, LAB)
    assert (form["models-0-enable_mcp"], form["models-0-tags"]) == ("on", "fast, cheap")
    assert "models-1-enable_mcp" not in form


async def test_ticked_models_join_those_that_are_typed(browser, here):
    shown = await asked(browser, here, more="typed", fetched="ticked")
    assert changes(page(shown)) == {"added typed", "added ticked"}


async def test_settings_are_saved_at_once_and_the_list_waits(browser, place):
    shown = await asked(browser, place, more="new-1", remark="Ours", api_key="sk-canary")
    soup = page(shown)
    assert "settings were saved" in words(the(soup, ".messages"))
    assert "sk-canary" not in shown.content.decode()
    assert (await form_of(browser, place, LAB))["remark"] == "Ours"
    assert "new-1" not in await listed_in(place)


async def test_what_somebody_else_adds_meanwhile_is_kept(browser, place):
    mine = await asked(browser, place, more="mine")
    theirs = await asked(browser, place, more="theirs")
    await confirmed(browser, place, theirs)
    await confirmed(browser, place, mine)
    assert await listed_in(place) == {"lab-7b", "lab-70b", "mine", "theirs"}


async def disputed(browser, place):
    """I tag a model that somebody else removes meanwhile; and I add one."""
    form = await form_of(browser, place, LAB)
    at_model = next(n for n, value in form.items() if value == "lab-7b").removesuffix("-model")
    mine = await asked(browser, place, **{f"{at_model}-tags": "mine", "more": "new-1"})
    theirs = await asked(browser, place, **{f"{at_model}-is_removed": "on", "more": "theirs"})
    await confirmed(browser, place, theirs)
    return await confirmed(browser, place, mine)


async def test_a_conflict_is_shown_and_nothing_is_overwritten(browser, place):
    shown = await disputed(browser, place)
    soup = page(shown)
    assert shown.status_code == 409
    assert "Nothing was overwritten" in words(the(soup, "[role=alert]"))
    (row,) = soup.select(".board tbody tr")
    told = [words(cell) for cell in row.select("th, td")]
    assert told == ["lab-7b", "without MCP and tags", "not listed", "tags: mine"]
    assert changes(soup) == {"added theirs", "added new-1"}
    assert await listed_in(place) == {"lab-70b", "theirs"}


@pytest.mark.parametrize(
    ("take", "listed"),
    [
        ("theirs", {"lab-70b", "theirs", "new-1"}),
        ("mine", {"lab-70b", "theirs", "new-1", "lab-7b"}),
    ],
)
async def test_a_conflict_is_decided_model_by_model(browser, place, take, listed):
    shown = await disputed(browser, place)
    await confirmed(browser, place, shown, **{"take-0": take})
    assert await listed_in(place) == listed


async def test_a_third_change_during_the_decision_is_noticed(browser, here):
    shown = await disputed(browser, here)
    other = await asked(browser, here, more="lab-7b")
    await confirmed(browser, here, other)
    again = await confirmed(browser, here, shown, **{"take-0": "mine"})
    assert again.status_code == 409
    assert words(page(again).select(".board tbody td")[1]) == "without MCP and tags"


async def test_one_click_takes_a_change_back_and_leaves_the_next(browser, place):
    await confirmed(browser, place, await asked(browser, place, more="first"))
    await confirmed(browser, place, await asked(browser, place, more="second"))
    version = await ListVersion.objects.order_by("pk").afirst()
    response = await browser.post(at(place, "group_undo", version.pk), follow=True)
    soup = page(response)
    assert "1 model removed" in words(the(soup, ".messages"))
    assert await listed_in(place) == {"lab-7b", "lab-70b", "second"}
    assert "taken back" in words(soup.select(".version")[-1])
    assert await AuditEntry.objects.filter(action="models.undone").aexists()
    again = await browser.post(at(place, "group_undo", version.pk), follow=True)
    assert "undone before" in words(the(page(again), ".messages"))


async def test_taking_back_what_others_changed_since_is_a_conflict(browser, place):
    await confirmed(browser, place, await asked(browser, place, more="first"))
    version = await ListVersion.objects.aget()
    form = await form_of(browser, place, LAB)
    at_model = next(n for n, value in form.items() if value == "first").removesuffix("-model")
    await confirmed(browser, place, await asked(browser, place, **{f"{at_model}-tags": "kept"}))
    response = await browser.post(at(place, "group_undo", version.pk))
    assert response.status_code == 409
    assert "first" in await listed_in(place)


async def test_an_undo_belongs_to_its_environment(browser, here, environment):
    await confirmed(browser, here, await asked(browser, here, more="first"))
    version = await ListVersion.objects.aget()
    assert (await browser.post(at(environment, "group_undo", version.pk))).status_code == 404
    assert "first" in await listed_in(here)


async def test_a_lost_answer_is_told_truthfully(browser, there, cloud, settings):
    shown = await asked(browser, there, more="new-1")
    cloud.quirks.lost_answers = {"UpdateAIModel"}
    done = await confirmed(browser, there, shown)
    assert "new-1" in await listed_in(there)
    assert "1 model added" in words(the(page(done), ".messages"))


async def test_a_refused_change_of_the_list_can_be_tried_again(browser, there, cloud):
    shown = await asked(browser, there, more="new-1")
    cloud.quirks.refused_actions = {"UpdateAIModel": "LimitExceeded"}
    refused = await confirmed(browser, there, shown)
    assert refused.status_code == 409
    assert the(page(refused), ".form-error")
    cloud.quirks.refused_actions = {}
    await confirmed(browser, there, refused)
    assert "new-1" in await listed_in(there)


async def test_a_list_that_did_not_arrive_changes_nothing(browser, here):
    seen = (await form_of(browser, here, LAB))["seen"]
    for sent in (
        {"seen": "nonsense", "wanted": "[]"},
        {"seen": "[1]", "wanted": "[]"},
        {"seen": seen},
        {"seen": seen, "wanted": "[]", "current": "{"},
    ):
        response = await browser.post(at(here, "group_models", LAB), sent)
        assert response.url == at(here, "group_settings", LAB)
    assert await listed_in(here) == {"lab-7b", "lab-70b"}


async def test_an_unreadable_form_keeps_what_was_typed(browser, here):
    response = await asked(browser, here, **{"models-0-tags": "t" * 401, "more": "new-1"})
    soup = page(response)
    assert response.status_code == 422
    assert the(soup, ".board .form-error")
    assert the(soup, "[name=more]").text.strip() == "new-1"
