"""The pages of the audit log: the history of one object, and the latest changes of all objects."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from access.models import AccountEvent, AuditEntry, AuditFeed
from config.admin_site.history import history_reader
from config.admin_site.history.field_text import FieldDifference, RowNames, describe_differences
from config.admin_site.history.log_export import csv_of, json_lines_of
from config.admin_site.history.log_search import ACCOUNT_EVENTS, LogSearchForm, older_than, visible_tables
from config.schedule import SECONDS_BETWEEN_RUNS
from customers.models import Contact
from lib.admin.links import staff_page

LATEST = 60
"""Changes on a page of the audit log."""

SEALED_EVERY = SECONDS_BETWEEN_RUNS["access.seal_audit_log"]
"""Seconds after which a change appears in the audit log."""


@dataclass(frozen=True, slots=True)
class HistoryChange:
    """The change of one row: `of` names its parents; `differences` are the changed fields."""

    verb: str
    verb_text: str
    subject: str
    of: str
    differences: list[FieldDifference]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """The changes of one request, or of one transaction outside of any: author, time, reason, and changed rows."""

    at: datetime
    who: str
    where: str
    reason: str
    changes: list[HistoryChange]


def history(request: HttpRequest, object_id: str, page: "ModelAdmin[Any]") -> TemplateResponse:
    """Show the history of one object to users who may view the object."""
    obj = page.get_object(request, unquote(object_id))
    if obj is None:
        raise Http404(f"There is no {page.opts.verbose_name} {object_id}.")
    if not page.has_view_or_change_permission(request, obj):
        raise PermissionDenied
    return staff_page(
        request,
        "staff/history.html",
        title=_("History of %(object)s") % {"object": obj},
        opts=page.opts,
        original=obj,
        entries=_newest_first(
            [
                *entries(history_reader.read_object_changes(page.model, obj.pk)),
                *_account_entries(_account_events(obj)),
            ]
        ),
        most=history_reader.MAX_PER_TABLE,
    )


def changes(request: HttpRequest) -> TemplateResponse:
    """Show the sealed changes of everything that the user may view, as the search finds them, in pages."""
    form = LogSearchForm(request.GET or None, tables=visible_tables(request))
    matching = form.search()
    before = request.GET.get("before", "")
    last = AuditEntry.objects.filter(pk=int(before)).first() if before.isdecimal() else None
    page = list(older_than(matching, last)[: LATEST + 1])
    query = request.GET.copy()
    query.pop("before", None)
    return staff_page(
        request,
        "staff/audit_log.html",
        title=_("Audit log"),
        form=form,
        entries=_entries_of(page[:LATEST]),
        query=query.urlencode(),
        before=page[LATEST - 1].pk if len(page) > LATEST else None,
        unsealed=SEALED_EVERY,
        webhook_problem=AuditFeed.objects.exclude(problem="").values_list("problem", flat=True).first(),
    )


@require_GET
def changes_file(request: HttpRequest, kind: str) -> StreamingHttpResponse:
    """Return the changes that the search finds as a file: `csv` or `jsonl`."""
    if kind not in ("csv", "jsonl"):
        raise Http404(f"There is no file of the kind {kind}.")
    matching = LogSearchForm(request.GET or None, tables=visible_tables(request)).search()
    return csv_of(matching) if kind == "csv" else json_lines_of(matching)


def _entries_of(page: list[AuditEntry]) -> list[HistoryEntry]:
    """Return a page of the log as text: changes of rows, and events of accounts between them."""
    ids = [entry.event_id for entry in page if entry.source == ACCOUNT_EVENTS]
    events = AccountEvent.objects.select_related("user", "by").filter(pk__in=ids)
    return _newest_first([*entries(history_reader.read_entries(page)), *_account_entries(events)])


def _newest_first(history_entries: list[HistoryEntry]) -> list[HistoryEntry]:
    return sorted(history_entries, key=lambda entry: entry.at, reverse=True)


def _account_events(obj: Any) -> Iterable[AccountEvent]:
    """Return the latest events of a user's account; none of another object."""
    if not isinstance(obj, User):
        return []
    events = AccountEvent.objects.filter(user=obj).select_related("user", "by")
    return events.order_by("-pk")[: history_reader.MAX_PER_TABLE]


def _account_entries(events: Iterable[AccountEvent]) -> Iterable[HistoryEntry]:
    for event in events:
        parts = [
            event.get_kind_display(),
            event.way.replace("_", " "),
            f"({event.by})" if event.by else event.address,
        ]
        name = event.name or _("unknown user")
        yield HistoryEntry(event.at, name, ", ".join(filter(None, parts)), event.reason, [])


def entries(steps: list[history_reader.RowChange]) -> list[HistoryEntry]:
    """Return changes, newest first, grouped by request or transaction, as text."""
    names = RowNames(steps)
    contexts = [_context(step) for step in steps]
    users = get_user_model().objects.in_bulk({context.get("user") for context in contexts} - {None})
    contacts = Contact.objects.in_bulk({context.get("portal_contact") for context in contexts} - {None})
    history_entries = []
    for _key, group in groupby(steps, key=_group_key):
        group_steps = sorted(group, key=lambda step: (history_reader.depth(step.model), step.event.pgh_id))
        context = _context(group_steps[-1])
        history_entries.append(
            HistoryEntry(
                at=group_steps[0].event.pgh_created_at,
                who=_who(context, users, contacts),
                where=_where(context, is_known=group_steps[-1].event.pgh_context is not None),
                reason=str(context.get("reason") or ""),
                changes=list(_changes(group_steps, names)),
            )
        )
    return [entry for entry in history_entries if entry.changes]


def _changes(steps: Iterable[history_reader.RowChange], names: RowNames) -> Iterable[HistoryChange]:
    verbs = {"added": _("added"), "changed": _("changed"), "removed": _("removed")}
    for step in steps:
        differences = describe_differences(step, names)
        if differences or step.verb != "changed":
            yield HistoryChange(step.verb, verbs[step.verb], names.subject(step), names.parents(step), differences)


def _group_key(step: history_reader.RowChange) -> Any:
    """Return the key of a change's group: its request or, outside of requests, the start of its transaction."""
    return step.event.pgh_context_id or step.event.pgh_created_at


def _context(step: history_reader.RowChange) -> dict[str, Any]:
    return step.event.pgh_context.metadata if step.event.pgh_context is not None else {}


def _who(context: dict[str, Any], users: dict[Any, Any], contacts: dict[Any, Contact]) -> str:
    if context.get("portal_contact") is not None:
        contact = contacts.get(context["portal_contact"])
        return _("contact %(contact)s") % {"contact": contact} if contact else _("a removed contact")
    if (user := users.get(context.get("user"))) is not None:
        return str(user.get_full_name() or user.get_username())
    if context.get("user") is not None:
        return _("user %(id)s (removed)") % {"id": context["user"]}
    return _("API key %(name)s") % {"name": context["api_key"]} if context.get("api_key") else ""


def _where(context: dict[str, Any], *, is_known: bool) -> str:
    """Return the origin of a change; a change outside the application has no context at all."""
    url = str(context.get("url") or "")
    if not is_known:
        origin = _("System (direct database change)")
    elif url.startswith("/admin/"):
        origin = _("in the back office")
    elif url.startswith("/api/"):
        origin = _("through the API")
    elif url.startswith("/portal/"):
        origin = _("in the portal")
    else:
        origin = url or _("by a command or a background task")
    return f"{origin}: {context['action']}" if context.get("action") else origin
