"""Every address of the product, read from its URL table, and every action of the admin's lists."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

from billing.admin.plan_migrations.migration_page import PERMISSIONS
from billing.models.jobs import JobKind

ANY_ROW = "<row>"
ASKED_FOR = "?"
"""The placeholder for the query string of an address."""

_WRITTEN = re.compile(r"<(?:\w+:)?(\w+)>")
_APP_LIST = re.compile(r"\^\(\?P<app_label>.*\)/\$")
_CATCH_ALL = re.compile(r"\(\?P<url>\.\*\)\$")
STANDARD = {
    # suffix of the path                  page
    "": "see",
    "export/": "see",
    "<row>/change/": "see",
    "<row>/history/": "see",
    "<row>/": "lead",
    "add/": "add",
    "<row>/delete/": "delete",
}
"""
The standard pages of each model in the admin, and their verb. A POST to the page of a row is “change”.

A page that only redirects needs no permission, since the other page does.
"""
LEADS = {"admin/plans/planfeature/", "admin/plans/price/", "admin/plans/publishingrule/", "admin/billing/posting/"}
"""Lists that redirect to another page."""


@dataclass(frozen=True, slots=True)
class Route:
    """
    One address.

    path: as in the URL table, with names in angle brackets: `<row>` is a row of the admin.
    """

    path: str
    view: Callable[..., Any]

    @property
    def area(self) -> str:
        """The part of the product: “admin”, “portal”, “api”, or “open” for the rest."""
        if self.path.startswith("api/v1/"):
            return "api"
        return next((area for area in ("admin", "portal") if self.path.startswith(f"{area}/")), "open")

    @property
    def model(self) -> str:
        """The model, as `app.model`, whose list an admin page belongs to; empty for the site's own pages."""
        parts = self.path.split("/")
        label = ".".join(parts[1:3])
        return label if self.area == "admin" and label in models() else ""

    @property
    def standard(self) -> str:
        """The kind of page if every model has it; empty for any other page."""
        if self.path in LEADS:
            return "lead"
        below = self.path.split("/", 3)[-1]
        return STANDARD.get(below, "") if self.model else ""

    @property
    def methods(self) -> list[str]:
        """
        The methods to request: those of an API view; GET and POST of pages.

        Admin pages that only show rows do the same on POST. Actions of lists are requested separately.
        """
        if self.standard in ("see", "lead") and not self.path.endswith("<row>/change/"):
            return ["GET"]
        view = getattr(self.view, "cls", None)
        if self.area != "api" or view is None:
            return ["GET", "POST"]
        # A resource of the API has its operations by method; other views of REST framework have methods themselves.
        served = getattr(self.view, "actions", None) or dir(view)
        return [method.upper() for method in ("get", "post", "put", "patch", "delete") if method in served]

    def address(self, values: dict[str, Any]) -> str:
        """Return the address for these parameters: parameter → value."""
        address = "/" + re.sub(r"<(\w+)>", lambda match: str(values[match[1]]), self.path)
        return f"{address}?{values[ASKED_FOR]}" if ASKED_FOR in values else address


def models() -> set[str]:
    return {model._meta.label_lower for model in admin.site._registry}


def routes() -> list[Route]:
    """Return every route once, even if the URL table has it twice."""
    routes_by_path = {}
    for path, view in _walk(get_resolver().url_patterns):
        for route_path in _spelled_out(path):
            routes_by_path.setdefault(route_path, Route(route_path, view))
    return list(routes_by_path.values())


def _spelled_out(path: str) -> list[str]:
    """Return the addresses of a page whose last word, or whose job's kind, determines the permission."""
    if path == "admin/billing/planmigration/<number>/do/<how>/":
        return [path.replace("<how>", how) for how in PERMISSIONS]
    if path == "admin/billing/job/<job_id>/steer/<how>/":
        return [path.replace("<job_id>", f"<{kind}>").replace("<how>", "cancel") for kind in JobKind.values]
    return [path]


def actions() -> list[tuple[str, str]]:
    """Return (model, action) for each entry of each list's menu of actions."""
    return [
        (model._meta.label_lower, name)
        for model, page in admin.site._registry.items()
        for _, name, _ in page._get_base_actions()
    ]


def _walk(patterns: Any, before: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield _plain(path), pattern.callback


def _plain(path: str) -> str:
    path = _CATCH_ALL.sub("<anything>", _APP_LIST.sub("<app>/", path))
    return _WRITTEN.sub(r"<\1>", path).replace("<object_id>", ANY_ROW)
