"""The names of all views."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLResolver, get_resolver


def view_names() -> set[str]:
    """Return the full name of each view, such as `admin:auth_user_add`."""
    return set(_names(get_resolver().url_patterns, ""))


def _names(patterns: list[Any], namespace: str) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _names(pattern.url_patterns, inner)
        elif pattern.name:
            yield f"{namespace}{pattern.name}"
