"""The pages of the trail: one object's history, and what changed lately anywhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse

from config.admin_site.history import history_reader
from config.admin_site.history.field_text import FieldDifference, RowNames, describe_differences

LATEST = 60
"""Changes on the page of what changed lately."""


@dataclass(frozen=True, slots=True)
class HistoryChange:
    """What was done to one row: `of` is what it is a part of; `differences`, what of it changed."""

    verb: str
    subject: str
    of: str
    differences: list[FieldDifference]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What one request, or one transaction outside of any, changed: who, when, why, and row by row what."""

    at: datetime
    who: str
    where: str
    reason: str
    changes: list[HistoryChange]


def history(request: HttpRequest, object_id: str, page: ModelAdmin) -> TemplateResponse:
    """Show the history of one object, to whoever may see the object."""
    obj = page.get_object(request, unquote(object_id))
    if obj is None:
        raise Http404(f"There is no {page.opts.verbose_name} {object_id}.")
    if not page.has_view_or_change_permission(request, obj):
        raise PermissionDenied
    context = {
        **page.admin_site.each_context(request),
        "title": f"History of {obj}",
        "opts": page.opts,
        "original": obj,
        "entries": entries(history_reader.read_object_changes(page.model, obj.pk)),
        "most": history_reader.MOST_PER_TABLE,
    }
    request.current_app = page.admin_site.name
    return TemplateResponse(request, "staff/history.html", context)


def changes(request: HttpRequest, site: Any) -> TemplateResponse:
    """Show what changed lately in everything that the reader may see."""
    models = [
        model
        for model, page in site._registry.items()
        if history_reader.is_tracked(model) and page.has_view_or_change_permission(request)
    ]
    context = {
        **site.each_context(request),
        "title": "Changes",
        "subtitle": None,
        "entries": entries(history_reader.read_latest_changes(models, count=LATEST)),
        "most": None,
    }
    request.current_app = site.name
    return TemplateResponse(request, "staff/history.html", context)


def entries(steps: list[history_reader.RowChange]) -> list[HistoryEntry]:
    """Return steps, newest first, gathered into what belongs together, in words."""
    names = RowNames(steps)
    users = get_user_model().objects.in_bulk({_context(step).get("user") for step in steps} - {None})
    found = []
    for _, group in groupby(steps, key=_together):
        of_one = sorted(group, key=lambda step: (history_reader.depth(step.model), step.event.pgh_id))
        context = _context(of_one[-1])
        found.append(
            HistoryEntry(
                at=of_one[0].event.pgh_created_at,
                who=_who(context, users),
                where=_where(context, is_known=of_one[-1].event.pgh_context is not None),
                reason=str(context.get("reason") or ""),
                changes=list(_changes(of_one, names)),
            )
        )
    return [one for one in found if one.changes]


def _changes(steps: Iterable[history_reader.RowChange], names: RowNames) -> Iterable[HistoryChange]:
    for step in steps:
        found = describe_differences(step, names)
        if found or step.verb != "changed":
            yield HistoryChange(step.verb, names.subject(step), names.wholes(step), found)


def _together(step: history_reader.RowChange) -> Any:
    """Return what the steps of one request share; outside of requests, the moment that their transaction began."""
    return step.event.pgh_context_id or step.event.pgh_created_at


def _context(step: history_reader.RowChange) -> dict[str, Any]:
    return step.event.pgh_context.metadata if step.event.pgh_context is not None else {}


def _who(context: dict[str, Any], users: dict[Any, Any]) -> str:
    if (user := users.get(context.get("user"))) is not None:
        return user.get_full_name() or user.get_username()
    if context.get("user") is not None:
        return f"user {context['user']} (removed)"
    return f"API key {context['api_key']}" if context.get("api_key") else ""


def _where(context: dict[str, Any], *, is_known: bool) -> str:
    """Return by which way a change came; one that no part of the application made has no context at all."""
    url = str(context.get("url") or "")
    if not is_known:
        way = "by nobody we know of: in the database, outside the application"
    elif url.startswith("/admin/"):
        way = "in the admin"
    elif url.startswith("/api/"):
        way = "through the API"
    else:
        way = url or "by a command or a background task"
    return f"{way}: {context['action']}" if context.get("action") else way
