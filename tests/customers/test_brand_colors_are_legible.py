"""Whatever brand color a seller chooses, text is legible on each background of the portal, in light and in dark."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.brand.colors import contrast
from customers.brand.palette import (
    DARK_GROUNDS,
    LEAST_CONTRAST,
    LIGHT_GROUNDS,
    WHITE,
    palette,
    style_name,
    style_sheet,
)

SHEET = Path(__file__).resolve().parents[2] / "static" / "portal" / "portal.css"
COLORS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
LIGHT_TEXT, DARK_TEXT = "#14181c", "#eceff1"


@given(color=COLORS)
def test_shades_are_legible_on_every_ground(color):
    shades = palette(color)

    for theme, grounds, text in ((shades.light, LIGHT_GROUNDS, LIGHT_TEXT), (shades.dark, DARK_GROUNDS, DARK_TEXT)):
        pairs = [(theme.accent, ground) for ground in (*grounds, theme.wash)]
        pairs += [(theme.on_accent, theme.accent), (text, theme.wash)]
        assert min(contrast(*pair) for pair in pairs) >= LEAST_CONTRAST, (color, theme)


@given(color=COLORS)
def test_a_legible_color_is_left_as_it_is(color):
    shades = palette(color)

    if all(contrast(color, ground) >= LEAST_CONTRAST for ground in (*LIGHT_GROUNDS, shades.light.wash)):
        assert shades.light.accent == color


CASES = [
    # color      light      why
    ("#0f4c5c", "#0f4c5c", "dark enough"),
    ("#7b61e8", "#7058d3", "a little too light for small text"),
    ("#ffff00", "#707000", "yellow text is legible on no light ground"),
    ("#FFFFFF", "#6b6b6b", "white is not seen on white"),
]


@pytest.mark.parametrize(("color", "light", "why"), CASES)
def test_too_light_colors_are_darkened(color, light, why):
    assert palette(color).light.accent == light, why
    assert palette(color).light.on_accent == WHITE


def test_the_grounds_are_those_of_the_style_sheet():
    pairs = re.findall(
        r"--(?:ground|surface|sunken): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", SHEET.read_text()
    )
    light, dark = zip(*pairs, strict=True)

    assert (set(light), set(dark)) == (set(LIGHT_GROUNDS), set(DARK_GROUNDS))


@given(color=COLORS, other=COLORS)
def test_the_name_of_a_sheet_changes_with_its_content(color, other):
    assert (style_name(color) == style_name(other)) == (style_sheet(color) == style_sheet(other) and color == other)
