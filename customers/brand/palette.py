"""
The shades of the customer portal, from one brand color: legible on each background of the light and the dark theme.

Pure: the same color always gives the same style sheet, so that its address can be cached forever.

Source: docs/portal.md#brand.
"""

from dataclasses import dataclass
from hashlib import sha256

from customers.brand.colors import contrast, mix

LEAST_CONTRAST = 4.6
"""Of text and its background. WCAG 2.2 asks for 4.5; the rest covers the rounding of colors."""

# The backgrounds and inks of static/portal/portal.css; a test compares them.
LIGHT_GROUNDS = ("#ffffff", "#f5f6f7", "#f1f3f4")
DARK_GROUNDS = ("#0e1113", "#16191c", "#1e2226")
WHITE, BLACK = "#ffffff", "#000000"
DARK_INK = "#0e1113"

LIGHT_WASH, DARK_WASH = 90, 84
"""Percent of the ground in a wash."""


@dataclass(frozen=True, slots=True)
class Shades:
    """
    The colors of one theme, such as #1f3a5f.

    accent: of links, buttons and bars, and of text on any ground or on the wash. on_accent: of text on the accent.
    wash: a tint for the current page and for areas below lines.
    """

    accent: str
    on_accent: str
    wash: str


@dataclass(frozen=True, slots=True)
class Palette:
    light: Shades
    dark: Shades


def palette(color: str) -> Palette:
    """Return the shades of a brand color such as #1f3a5f: darkened or lightened only as far as is needed."""
    color = color.lower()
    light_wash = mix(color, LIGHT_GROUNDS[0], percent=LIGHT_WASH)
    dark_wash = mix(color, DARK_GROUNDS[1], percent=DARK_WASH)
    light = _legible(color, BLACK, grounds=(*LIGHT_GROUNDS, light_wash))
    dark = _legible(color, WHITE, grounds=(*DARK_GROUNDS, dark_wash))
    return Palette(Shades(light, WHITE, light_wash), Shades(dark, DARK_INK, dark_wash))


def style_sheet(color: str) -> str:
    """Return a style sheet with the shades of a brand color as custom properties."""
    shades = palette(color)
    lines = [
        f"  --brand-{name}: {theme.accent}; --on-brand-{name}: {theme.on_accent}; --brand-wash-{name}: {theme.wash};"
        for name, theme in (("light", shades.light), ("dark", shades.dark))
    ]
    return "\n".join([":root {", *lines, "}", ""])


def style_name(color: str) -> str:
    """Return the name of the style sheet's file, which changes with its content."""
    return f"{color[1:].lower()}-{sha256(style_sheet(color).encode()).hexdigest()[:8]}"


def _legible(color: str, end: str, *, grounds: tuple[str, ...]) -> str:
    """Return the color, mixed with black or white just enough to be legible on all grounds."""
    for percent in range(101):
        shade = mix(color, end, percent=percent)
        if all(contrast(shade, ground) >= LEAST_CONTRAST for ground in grounds):
            return shade
    raise AssertionError(f"{end} is legible on every ground.")
