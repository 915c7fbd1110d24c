"""The audit log as files: CSV with a row for each changed field, and JSON Lines with a line for each change."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from access.models import AccountEvent, AuditEntry
from config.admin_site.history.history_reader import RowChange, read_entries
from config.admin_site.history.log_search import ACCOUNT_EVENTS, in_parts
from lib.csv_export import csv_download

PART = 500
"""Entries read by one statement."""

CSV_COLUMNS = (
    *("entry", "seal", "time", "user", "api_key", "action", "reason", "address"),
    *("table", "object", "verb", "field", "old", "new"),
)


def csv_of(entries: QuerySet[AuditEntry]) -> StreamingHttpResponse:
    return csv_download(_rows(entries), file_name="audit-log.csv")


def json_lines_of(entries: QuerySet[AuditEntry]) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        (msgspec.json.encode(line) + b"\n" for line in lines(entries)),
        content_type="application/jsonl; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="audit-log.jsonl"',
            "Cache-Control": "private, no-store",
        },
    )


def lines(entries: QuerySet[AuditEntry]) -> Iterator[dict[str, Any]]:
    """Yield each change as an object, newest first, with its place in the chain and its digest."""
    for part in in_parts(entries, size=PART):
        yield from describe(part)


def describe(part: Iterable[AuditEntry]) -> Iterator[dict[str, Any]]:
    """Yield the changes of some entries as objects: `changes` maps each affected column to its old and new value."""
    part = list(part)
    steps = {(type(step.event)._meta.db_table, step.event.pgh_id): step for step in read_entries(part)}
    account_event_ids = [entry.event_id for entry in part if entry.source == ACCOUNT_EVENTS]
    events = AccountEvent.objects.in_bulk(account_event_ids)
    names = dict(User.objects.filter(pk__in={entry.user_id for entry in part}).values_list("pk", "username"))
    for entry in part:
        step = steps.get((entry.source, entry.event_id))
        event = events.get(entry.event_id) if entry.source == ACCOUNT_EVENTS else None
        yield {
            "entry": entry.pk,
            "seal": entry.seal_id,
            "time": entry.at,
            "user": names.get(entry.user_id, "") if entry.user_id else "",
            "api_key": entry.context.get("api_key", ""),
            "action": entry.context.get("action", ""),
            "reason": event.reason if event else _reason(step),
            "address": event.address if event else "",
            "table": entry.source,
            "object": entry.object_id,
            "verb": entry.verb,
            "changes": _changes(step, entry) if step else {},
            "digest": entry.digest,
        }


def _rows(entries: QuerySet[AuditEntry]) -> Iterator[list[str]]:
    yield list(CSV_COLUMNS)
    for line in lines(entries):
        facts: Mapping[str, Any] = line
        start = [_text(facts[name]) for name in CSV_COLUMNS[:-3]]
        yield from ([*start, name, _text(old), _text(new)] for name, (old, new) in facts["changes"].items())
        if not facts["changes"]:
            yield [*start, "", "", ""]


def _changes(step: RowChange, entry: AuditEntry) -> dict[str, tuple[Any, Any]]:
    """Return column → (old, new): the affected columns of an update, all that hold something otherwise."""
    columns = [field.attname for field in type(step.event)._meta.concrete_fields if not field.name.startswith("pgh_")]
    if entry.verb == "update":
        return {
            name: (_value(step.before, name), _value(step.event, name)) for name in columns if name in entry.fields
        }
    values = {name: _value(step.event, name) for name in columns}
    filled = {name: value for name, value in values.items() if value not in (None, "", [], {})}
    return {name: (None, value) if entry.verb == "insert" else (value, None) for name, value in filled.items()}


def _value(row: Any, name: str) -> Any:
    value = getattr(row, name, None)
    return value if isinstance(value, bool | int | str | list | dict | None) else str(value)


def _reason(step: RowChange | None) -> str:
    context = step.event.pgh_context if step else None
    return str(context.metadata.get("reason", "")) if context else ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
