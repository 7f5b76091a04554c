"""Prices of the catalogue: what is read from the vendor's words, and what is left alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation

from admin_models import catalogue_prices
from admin_models.models import Tier
from chat.cloudbase.control_plane import ManagedModel, ModelPrice


def model(*prices: ModelPrice) -> ManagedModel:
    return ManagedModel("m", prices=prices)


def uniform(question="2", answer="3", cached="", unit="1k tokens") -> ModelPrice:
    return ModelPrice("Uniform", "", question, answer, cached, unit)


def tier(name: str, question="2") -> ModelPrice:
    return ModelPrice("Tiered", name, question, "3", "0.4", "1k tokens")


@pytest.mark.parametrize(
    ("unit", "a_million"),
    [
        ("1k tokens", "2000"),
        ("1K Tokens", "2000"),
        ("per 1,000 tokens", "2000"),
        ("thousand tokens", "2000"),
        ("千tokens", "2000"),
        ("每千个tokens", "2000"),
        ("1M tokens", "2"),
        ("per million tokens", "2"),
        ("百万tokens", "2"),
    ],
)
def test_every_unit_becomes_a_million(unit, a_million):
    [read] = catalogue_prices.tiers(model(uniform(unit=unit)))
    assert str(read.input) == a_million


@pytest.mark.parametrize(
    ("text", "a_million"), [("0.0008", "0.8"), ("2", "2000"), ("0.40", "400"), ("0", "0")]
)
def test_no_figure_is_rounded_or_written_with_an_exponent(text, a_million):
    [read] = catalogue_prices.tiers(model(uniform(question=text)))
    assert str(read.input) == a_million


def test_a_price_without_tiers_is_one_for_all():
    assert catalogue_prices.tiers(model(uniform("2", "3", "0.4"))) == (
        Tier(Decimal(2000), Decimal(3000), Decimal(400), 0),
    )
    assert catalogue_prices.tiers(model(uniform("2", "3")))[0].cached is None


@pytest.mark.parametrize(
    ("names", "begin"),
    [
        (("0-32k", "32k-128k"), (0, 32_000)),
        (("32K-128K", "0-32K", "128k+"), (0, 32_000, 128_000)),
        (("[0,32k)", "[32k,128k)"), (0, 32_000)),
        (("0~16000", "16000~1m", "1M以上"), (0, 16_000, 1_000_000)),
        (("0 - 32k tokens", "32k to 128k"), (0, 32_000)),
    ],
)
def test_tiers_begin_where_their_names_say(names, begin):
    read = catalogue_prices.tiers(model(*map(tier, names)))
    assert tuple(each.above for each in read) == begin


@pytest.mark.parametrize(
    "prices",
    [
        (),
        (uniform(question=""),),
        (uniform(answer="free"),),
        (uniform(cached="?"),),
        (uniform(question="-2"),),
        (uniform(question="1e3"),),
        (uniform(question="2元"),),
        (uniform(unit=""),),
        (uniform(unit="image"),),
        (uniform(unit="2k tokens"),),
        (uniform(), uniform("4")),
        (tier("small"), tier("32k-128k")),
        (tier("<32k"), tier(">32k")),
        (tier("0-32k"), tier("0-128k")),
        (tier("32k-128k"),),
        (tier("0-32k"), tier("32k-128k", "?")),
    ],
)
def test_what_cannot_be_read_for_certain_is_not_guessed(prices):
    assert catalogue_prices.tiers(model(*prices)) == ()


def test_words_are_the_vendors_one_price_a_line():
    assert catalogue_prices.words(model(tier("0-32k"), uniform("x", "y", "", ""))) == (
        "0-32k: input 2, output 3, cached 0.4 per 1k tokens\ninput x, output y per ?"
    )
    assert catalogue_prices.words(model()) == ""


def test_words_are_the_same_in_every_language():
    english = catalogue_prices.words(model(uniform()))
    with translation.override("zh-hans"):
        assert catalogue_prices.words(model(uniform())) == english
