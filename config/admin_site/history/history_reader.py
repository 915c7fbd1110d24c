"""
The reader of the audit log.

Every tracked table has an event table (pghistory): one row per insert, update and delete, written by a trigger, with
the row's content after the change and a context with the user, the page and the reason. Changes by raw SQL are
recorded as well, without a context.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pghistory.core
from django.db.models import CASCADE, ForeignKey, Model, OuterRef, QuerySet, Subquery

from access.models import AuditEntry

MAX_PER_TABLE = 300
"""Maximum changes read per table; older ones stay in the database."""

UNDO = {"insert": "added", "update": "changed", "delete": "removed"}


@dataclass(frozen=True, slots=True)
class RowChange:
    """
    One change of one row, with its content before, if recorded, and after.

    before: None for the first recorded state.
    verb: added, changed or removed.
    """

    event: Any  # a row of an event table, whose class pghistory makes at run time
    before: Any
    verb: str

    @property
    def model(self) -> type[Model]:
        model: type[Model] = type(self.event).pgh_tracked_model
        return model


def is_tracked(model: type[Model]) -> bool:
    return bool(event_tables(model))


def read_object_changes(model: type[Model], pk: Any) -> list[RowChange]:
    """
    Return the changes of an object and of its parts, newest first.

    A part is a row that is deleted with its parent: the features, prices, rates and tiers of a version.
    """
    changes: list[RowChange] = []
    for table, rows in _tables(model, pk):
        changes += _steps(table.objects.filter(pgh_obj_id__in=rows))
    return sorted(changes, key=_time, reverse=True)


def read_entries(entries: Sequence[AuditEntry]) -> list[RowChange]:
    """Return the changes of entries of the audit log, in their order, in three queries for each table."""
    tables: dict[str, Any] = {table._meta.db_table: table for table in pghistory.core.event_models()}
    ids_by_table: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        if entry.source in tables:
            ids_by_table[entry.source].append(entry.event_id)
    events = {
        (name, event.pk): event
        for name, ids in ids_by_table.items()
        for event in tables[name].objects.select_related("pgh_context").filter(pk__in=ids)
    }
    places = [(entry.source, entry.event_id) for entry in entries]
    steps = [RowChange(events[place], None, UNDO[events[place].pgh_label]) for place in places if place in events]
    return [RowChange(step.event, before, step.verb) for step, before in zip(steps, _before(steps), strict=True)]


def _tables(model: type[Model], pk: Any) -> Iterable[tuple[type[Any], list[Any]]]:
    """Yield the event tables of a model and of its parts, with the ids of the object's rows."""
    for table in event_tables(model):
        yield table, [pk]
    yield from _tables_of_parts(model, [pk])


def _tables_of_parts(model: type[Model], parent_ids: list[Any]) -> Iterable[tuple[type[Any], list[Any]]]:
    for relation in model._meta.related_objects:
        part = relation.related_model
        if not is_tracked(part) or relation.field not in parent_keys(part):
            continue
        for table in event_tables(part):
            # Query the event table and not the model's table, since removed parts belong to the history.
            parts = table.objects.filter(**{f"{relation.field.attname}__in": parent_ids})
            ids = list(parts.values_list("pgh_obj_id", flat=True).distinct())
            if ids:
                yield table, ids
                yield from _tables_of_parts(part, ids)


def _steps(events: QuerySet[Any]) -> list[RowChange]:
    rows = list(events.select_related("pgh_context").order_by("-pgh_id")[:MAX_PER_TABLE])
    states: dict[Any, list[Any]] = defaultdict(list)
    for row in reversed(rows):
        states[row.pgh_obj_id].append(row)
    return [
        RowChange(event, before, UNDO[event.pgh_label])
        for row_events in states.values()
        for before, event in zip([None, *row_events], row_events, strict=False)
    ]


def _before(steps: list[RowChange]) -> Iterable[Any]:
    """Return the state before each change, in two queries per table."""
    ids_by_table: dict[type[Any], list[int]] = defaultdict(list)
    for step in steps:
        ids_by_table[type(step.event)].append(step.event.pgh_id)
    before: dict[tuple[type[Any], int], Any] = {}
    for table, ids in ids_by_table.items():
        earlier = table.objects.filter(pgh_obj_id=OuterRef("pgh_obj_id"), pgh_id__lt=OuterRef("pgh_id"))
        previous = Subquery(earlier.order_by("-pgh_id").values("pgh_id")[:1])
        previous_ids = dict(table.objects.filter(pgh_id__in=ids).values_list("pgh_id", previous))
        states = table.objects.in_bulk(previous_ids.values())
        before |= {(table, pgh_id): states.get(previous_id) for pgh_id, previous_id in previous_ids.items()}
    return [before[type(step.event), step.event.pgh_id] for step in steps]


@cache
def event_tables(model: type[Model]) -> list[type[Any]]:
    """Return the event tables of a model; none if it is not tracked."""
    return list(pghistory.core.event_models(tracks_model=model))


@cache
def parent_keys(model: type[Model]) -> tuple[ForeignKey[Any, Any], ...]:
    """Return a model's foreign keys to its parents, with which its rows are deleted."""
    keys = [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]
    return tuple(key for key in keys if key.remote_field.on_delete is CASCADE and is_tracked(key.related_model))


def depth(model: type[Model]) -> int:
    """Return the number of parents above a model's rows: 0 for a plan version, 4 for a tier."""
    return 1 + max((depth(key.related_model) for key in parent_keys(model)), default=-1)


def _time(step: RowChange) -> tuple[Any, int]:
    return step.event.pgh_created_at, step.event.pgh_id
