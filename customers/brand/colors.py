"""The contrast of colors on white paper."""

LEGIBLE = 3.0
"""Minimum contrast of large text, such as headings: WCAG 2.2, 1.4.3."""


def contrast_on_white(color: str) -> float:
    """Return the contrast ratio of a color such as #1f3a5f on white, from 1 to 21: WCAG 2.2."""
    red, green, blue = (_linear(int(color[index : index + 2], 16) / 255) for index in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
