"""The context of the admin's frame, for pages of sign-in, which are views of allauth."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return the admin's titles, colors and styles on pages of sign-in, and nothing elsewhere."""
    match = request.resolver_match
    if match is None or not match.route.startswith("admin/account/"):
        return {}
    return admin.site.each_context(request)
