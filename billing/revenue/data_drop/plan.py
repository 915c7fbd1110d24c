"""The facts that all parts of a drop share, noted when it starts, so that a resumed drop continues the same one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from billing.models import DropTarget, Job
from billing.models.jobs import JobKind
from customers.models import Customer, Seller
from invoices.models import MonthLock
from lib import sql

_LAST_KEY = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"
_SEQUENCE = "SELECT pg_get_serial_sequence(%s, 'id')"
_NEXT_TRANSACTION = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_OLDEST_TRANSACTION = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


@dataclass(frozen=True, slots=True)
class DropPlan:
    """
    seller_id: whose rows are dropped; None for all sellers'.
    locks: seller → the locks whose frozen postings are dropped; all later months are computed.
    last_keys: table → the last number that its sequence had given. earlier_keys: the same, noted by the drop before.
    next_transaction: the id that the next transaction would get, read after the numbers.
    """

    at: datetime
    seller_id: int | None
    locks: Mapping[int, tuple[int, ...]]
    last_keys: Mapping[str, int]
    earlier_keys: Mapping[str, int]
    next_transaction: int

    @property
    def last_customer(self) -> int:
        return self.last_keys[Customer._meta.db_table]

    def is_settled(self, table: str, key: int) -> bool:
        """
        Return whether every row up to a key is visible to the next statement, or will never be.

        The drop before noted a number at or above the key. Its transaction had an id when this drop began, and has
        ended if the oldest one running now is later. A number of this drop would not do: a transaction draws its
        first number an instant before it gets its id.
        """
        if key > self.earlier_keys.get(table, 0):
            return False
        (oldest,) = sql.fetch_column(_OLDEST_TRANSACTION)
        return bool(oldest >= self.next_transaction)


def note_parameters(target: DropTarget, tables: Iterable[str]) -> dict[str, Any]:
    """Return the parameters of a job from which `read_plan` makes the plan. tables: see `last_keys`."""
    earlier = jobs_of(target).order_by("-pk").first()
    sellers = Seller.objects.order_by("pk")
    if target.seller_id is not None:
        sellers = sellers.filter(pk=target.seller_id)
    locks: dict[int, list[int]] = {seller_id: [] for seller_id in sellers.values_list("pk", flat=True)}
    frozen = MonthLock.objects.filter(seller__in=sellers, frozen_at__isnull=False, unlocked_at__isnull=True)
    for seller_id, lock_id in frozen.order_by("seller", "month").values_list("seller", "pk"):
        locks[seller_id].append(lock_id)
    last_keys = {table: _read_last_key(table) for table in sorted({*tables, Customer._meta.db_table})}
    (next_transaction,) = sql.fetch_column(_NEXT_TRANSACTION)
    return {
        "target": target.pk,
        "locks": [[seller_id, lock_ids] for seller_id, lock_ids in locks.items()],
        "last_keys": last_keys,
        "earlier_keys": earlier.parameters["last_keys"] if earlier else {},
        "next_transaction": next_transaction,
    }


def read_plan(job: Job, target: DropTarget) -> DropPlan:
    parameters = job.parameters
    return DropPlan(
        job.created_at,
        target.seller_id,
        {seller_id: tuple(lock_ids) for seller_id, lock_ids in parameters["locks"]},
        parameters["last_keys"],
        parameters["earlier_keys"],
        parameters["next_transaction"],
    )


def jobs_of(target: DropTarget) -> QuerySet[Job]:
    """Return the drops of a target that were not dry runs."""
    return Job.objects.filter(kind=JobKind.DATA_DROP, dry_run=False, parameters__target=target.pk)


def _read_last_key(table: str) -> int:
    (sequence,) = sql.fetch_column(_SEQUENCE, [table])
    (last_key,) = sql.fetch_column(_LAST_KEY.format(sequence=sequence))
    return int(last_key)
