"""Limits of the properties of an event."""

from decimal import Decimal
from typing import Any

from plans.aggregation.json_numbers import MAX_DIGITS, OutOfBoundsNumber, is_within_bounds

# Every event is stored whole and read again by corrections and audits, so its properties stay small and shallow.
MAX_KEYS = 128
MAX_CHARACTERS = 4096
MAX_LEVELS = 16
MAX_KEY = 200
MAX_ELEMENTS = 1000

Flaw = tuple[str, str]


def find_flaw(properties: dict[str, Any], *, has_nul: bool) -> Flaw | None:
    """
    Return (field, reason) of the first property that breaks a limit, or None.

    has_nul: whether the body may hold an escaped U+0000 anywhere, which PostgreSQL can't store.
    """
    if len(properties) > MAX_KEYS:
        return "properties", f"{len(properties)} keys; at most {MAX_KEYS}"
    for name, value in properties.items():
        kind = type(value)
        if kind is str:
            if len(value) > MAX_CHARACTERS or has_nul:
                flaw = _find_text_flaw(value)
                if flaw:
                    return f"properties.{name}", flaw
        elif kind is int:
            if not is_within_bounds(value):
                return f"properties.{name}", f"more than {MAX_DIGITS} digits"
        elif kind is not Decimal and kind is not bool and value is not None:
            flaw = _find_value_flaw(value, level=2, has_nul=has_nul)
            if flaw:
                return f"properties.{name}", flaw
        if len(name) > MAX_KEY or (has_nul and "\0" in name):
            return "properties", "a key is longer than 200 characters or contains U+0000 or half of a surrogate pair"
    return None


def _find_text_flaw(text: str) -> str | None:
    if len(text) > MAX_CHARACTERS:
        return f"{len(text):,} characters; at most {MAX_CHARACTERS:,}"
    if "\0" in text:
        return "text must not contain U+0000 or half of a surrogate pair"
    return None


def _find_value_flaw(value: Any, *, level: int, has_nul: bool) -> str | None:
    if isinstance(value, OutOfBoundsNumber):
        return f"{value.text[:20]}… is out of range: at most {MAX_DIGITS} digits before and after the point"
    if isinstance(value, str):
        return _find_text_flaw(value)
    if isinstance(value, int) and not is_within_bounds(value):
        return f"more than {MAX_DIGITS} digits"
    if not isinstance(value, dict | list):
        return None
    if level > MAX_LEVELS:
        return f"nested too deeply; at most {MAX_LEVELS} levels"
    if len(value) > MAX_ELEMENTS:
        return f"{len(value)} elements; at most {MAX_ELEMENTS:,}"
    if isinstance(value, dict):
        if any(len(name) > MAX_KEY or "\0" in name for name in value):
            return "a key is longer than 200 characters or contains U+0000 or half of a surrogate pair"
        value = list(value.values())
    for inner in value:
        flaw = _find_value_flaw(inner, level=level + 1, has_nul=has_nul)
        if flaw:
            return flaw
    return None
