"""The contrast of colors, and mixtures of them."""

LEGIBLE = 3.0
"""Minimum contrast of large text, such as headings: WCAG 2.2, 1.4.3."""


def contrast_on_white(color: str) -> float:
    """Return the contrast ratio of a color such as #1f3a5f on white, from 1 to 21: WCAG 2.2."""
    return contrast(color, "#ffffff")


def contrast(color: str, other: str) -> float:
    """Return the contrast ratio of two colors, from 1 to 21, in either order: WCAG 2.2."""
    darker, lighter = sorted((_luminance(color), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(color: str, other: str, *, percent: int) -> str:
    """Return a color of which `percent`, 0 to 100, is `other`; for example a shade, if that is black."""
    parts = zip(_parts(color), _parts(other), strict=True)
    return "#" + "".join(f"{(part * (100 - percent) + added * percent + 50) // 100:02x}" for part, added in parts)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(color: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255 each."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
