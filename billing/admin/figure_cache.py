"""Figures that pages show for some seconds before they are read again."""

from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

Figures = TypeVar("Figures")


def read_cached(key: str, seconds: int, read: Callable[[], Figures]) -> Figures:
    """Return the result of `read`, at most `seconds` old."""
    figures: Figures | None = cache.get(key)
    if figures is None:
        figures = read()
        cache.set(key, figures, seconds)
    return figures
