"""Figures that pages show for some seconds before they are read again."""

from collections.abc import Callable
from typing import TypeVar

from django.core.cache import caches

Figures = TypeVar("Figures")


def read_cached(key: str, seconds: int, read: Callable[[], Figures]) -> Figures:
    """Return the result of `read`, at most `seconds` old."""
    figures: Figures | None = caches["memory"].get(key)
    if figures is None:
        figures = read()
        caches["memory"].set(key, figures, seconds)
    return figures
