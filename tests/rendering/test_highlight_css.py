"""Coloured code can be read, on light and on dark pages."""

import re
from pathlib import Path

import pytest

CSS = Path("chat/static/chat/highlight.css").read_text()
BACKGROUNDS = {"light": "#f3f1ec", "dark": "#212527"}
COLOURS = re.findall(r"(--code-\w+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
ENOUGH = 4.5  # WCAG AA


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(("name", "light", "dark"), COLOURS)
def test_every_colour_stands_out(name, light, dark):
    assert contrast(light, BACKGROUNDS["light"]) >= ENOUGH
    assert contrast(dark, BACKGROUNDS["dark"]) >= ENOUGH


def test_every_colour_is_tested_and_used():
    names = {name for name, *_ in COLOURS}
    assert names == set(re.findall(r"--code-\w+", CSS)) == set(re.findall(r"var\((.+?)\)", CSS))


def test_the_file_is_small():
    assert len(CSS.encode()) < 6_000
