"""The search for rows whose content differs from what a target has: they are queued."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from billing.models import SyncRecord, SyncTarget
from billing.models.adapters import QUEUED, SyncState
from billing.revenue.adapters.adapter import OurRecord
from billing.revenue.adapters.sources import read_batch
from lib.queue import NO_DEADLINE, Deadline, lock_free_row

BATCH = 200
"""Customers or invoices of one transaction."""


def queue_changes(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Queue the rows that changed since they were sent to each enabled target, and return the number of records.

    Each target's rows are read once from the first to the last. A run that reaches its deadline stores its position,
    from which the next one continues.
    """
    count = 0
    for target_id in SyncTarget.objects.filter(is_enabled=True).order_by("pk").values_list("pk", flat=True):
        while deadline.has_time():
            queued = _queue_batch(target_id, at=at)
            if queued is None:
                break
            count += queued
    return count


@transaction.atomic
def _queue_batch(target_id: int, *, at: datetime) -> int | None:
    """Queue the changes of the next rows; None after the last ones, or if another worker searches."""
    # The lock makes the position this worker's. Workers that send records do not need the row.
    target = lock_free_row(SyncTarget.objects.select_related("seller").filter(pk=target_id, is_enabled=True))
    if target is None:
        return None
    records, read_up_to = read_batch(target, after=target.read_up_to, size=BATCH, at=at)
    SyncTarget.objects.filter(pk=target.pk).update(read_up_to=read_up_to or 0)
    return None if read_up_to is None else _queue(target, records, at=at)


def _queue(target: SyncTarget, records: Sequence[OurRecord], *, at: datetime) -> int:
    row_ids = {record.row_id for record in records}
    stored = SyncRecord.objects.filter(target=target, row_id__in=row_ids)
    known = {(record.kind, record.row_id): record for record in stored}
    new = [
        SyncRecord(target=target, kind=record.kind, row_id=record.row_id, next_at=at)
        for record in records
        if (record.kind, record.row_id) not in known and not record.is_obsolete
    ]
    SyncRecord.objects.bulk_create(new)
    changed = [
        known[key].pk
        for record in records
        if (key := (record.kind, record.row_id)) in known
        and known[key].state not in QUEUED  # a queued one is read when it is sent
        and known[key].digest != record.digest
    ]
    ended = SyncRecord.objects.filter(pk__in=changed).exclude(state__in=QUEUED)
    return len(new) + ended.update(state=SyncState.WAITING, next_at=at, attempts=0)
