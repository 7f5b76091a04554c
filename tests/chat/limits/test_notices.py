"""What people are told beside the composer before a limit is reached."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.utils import translation

from admin_models import local
from admin_models.models import AIModel, ModelGroup, TokenPack
from chat.limits import admission, notices, rules
from chat.limits.admission import Asked
from tests.chat.limits.limiting import asked, limited
from tests.chat.sockets import loaded, opened

pytestmark = pytest.mark.django_db(transaction=True)


def let_in(person, model, times: int = 1) -> None:
    for _ in range(times):
        message = asked(person, model)
        admission.admit(Asked(message.pk, person.pk, model, prompt_tokens=lambda: 0))


def sentences(person, model) -> list[str]:
    return [notice.sentence for notice in notices.of_limits(person.pk, model)]


def test_of_a_limit_far_away_nobody_is_told(alice, model):
    limited(5)
    let_in(alice, model, 3)
    assert sentences(alice, model) == []


def test_from_four_fifths_on_a_person_is_told_how_much_and_until_when(alice, mallory, model):
    limited(5)
    let_in(alice, model, 4)
    [sentence] = sentences(alice, model)
    assert sentence.startswith(
        "80 % used of the limit: 5 messages a day for each person. It starts anew at "
    )
    assert sentences(mallory, model) == []


def test_a_limit_that_is_used_up_is_said_to_be(alice, model):
    limited(1)
    let_in(alice, model)
    [notice] = notices.of_limits(alice.pk, model)
    assert notice.is_refusal
    assert notice.sentence.startswith("The limit is used up: 1 message a day for each person.")


def test_a_soft_limit_is_told_when_it_is_passed(alice, model):
    limited(2, is_hard=False)
    let_in(alice, model)
    assert sentences(alice, model) == []
    let_in(alice, model)
    [sentence] = sentences(alice, model)
    assert sentence == "More is used than is meant to be: 2 messages a day for each person."


def test_limits_of_other_models_are_not_told(alice, model):
    other = AIModel.objects.create(group=model.group, name="other-model")
    limited(1, model=model)
    let_in(alice, model)
    assert sentences(alice, model)
    assert sentences(alice, other) == []


def test_without_limits_nobody_asks_the_database(alice, model, django_assert_num_queries):
    rules.current()
    with django_assert_num_queries(0):
        assert sentences(alice, model) == []


@pytest.fixture
def embedded(transactional_db):
    group = ModelGroup.objects.create(environment=local.environment(), name=local.GROUP)
    return AIModel.objects.create(group=group, name="small")


@pytest.mark.parametrize(("used", "is_told"), [(0, False), (79, False), (80, True), (100, False)])
def test_nearly_empty_packs_are_told(embedded, used, is_told):
    TokenPack.objects.update(size_tokens=100, used_tokens=used)
    told = [notice.sentence for notice in notices.of_packs(embedded)]
    left = f"The token packs of this model are nearly empty: {100 - used} tokens left."
    assert told == ([left] if is_told else [])


def test_a_second_pack_keeps_them_from_being_nearly_empty(embedded):
    TokenPack.objects.update(size_tokens=100, used_tokens=99)
    TokenPack.objects.create(environment=embedded.group.environment, size_tokens=1000)
    assert notices.of_packs(embedded) == []


def test_models_that_draw_on_no_pack_ask_for_none(model, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert notices.of_packs(model) == []


@pytest.mark.usefixtures("serving")
async def test_a_page_is_told_as_soon_as_the_answer_rests_and_after_a_reload(conversation, alice):
    await database_sync_to_async(limited)(1)
    async with opened(conversation, alice) as page:

        def shown() -> str:
            return str(page.soup.select_one("#limit-notices").get_text(" ", strip=True))

        assert shown() == ""
        await page.ask("Hi")
        await page.until_status("done")
        await page.until(lambda: "The limit is used up" in shown())
        reloaded = await loaded(conversation, alice)
        assert shown() == reloaded.soup.select_one("#limit-notices").get_text(" ", strip=True)


def test_it_is_told_in_the_language_of_whoever_reads(alice, model):
    limited(1)
    let_in(alice, model)
    with translation.override("zh-hans"):
        [sentence] = sentences(alice, model)
    assert sentence
