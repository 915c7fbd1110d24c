"""
Count all usage anew, from the events themselves: docs/audit.md#recount.

Every event is attributed by the very function that ingest uses and added up; what comes out must equal the counters,
rollups and snapshots that were kept, to the last digit and fingerprint.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, localcontext
from itertools import islice
from typing import Any

from billing.audit.usage.attribution_inputs import Known, read_known
from billing.audit.usage.event_reader import any_corrections, any_reports, chunks, has_its_digest, has_its_key
from billing.audit.usage.event_sums import Fold
from billing.audit.usage.meters import Meters, read_meters
from billing.audit.usage.sum_comparison import wrong_counters, wrong_rollups, wrong_snapshots
from billing.audit.usage.unmatched_usage import unfounded, unreported
from billing.metering.ingest import catalog_cache
from billing.metering.ingest.attribution import attribute
from billing.metering.ingest.event_reader import Stored, as_received
from billing.metering.store import corrections
from billing.metering.store.unmatched_usage import Reported, reports_of
from customers.models import Customer

EXACT = Context(prec=120)
MOST_KEPT = 100
MOST_SUMS = 200_000
"""Sums kept before they are compared and dropped."""

MOST_ID = 2**63 - 1
NO_REPORTS: dict[int | None, Reported] = {}

Row = dict[str, Any]


@dataclass(slots=True)
class Recount:
    """Offending rows, by what is wrong; a hundred of each at most."""

    keys: list[Row] = field(default_factory=list)
    digests: list[Row] = field(default_factory=list)
    neither: list[Row] = field(default_factory=list)
    reasons: list[Row] = field(default_factory=list)
    counters: list[Row] = field(default_factory=list)
    rollups: list[Row] = field(default_factory=list)
    tallies: list[Row] = field(default_factory=list)
    snapshots: list[Row] = field(default_factory=list)
    events: int = 0


def recount() -> Recount:
    """Return what the events of all times contradict."""
    with localcontext(EXACT):
        return _Walk().walk()


class _Walk:
    """One pass over the events, whose customers come one after the other; `fold` holds those from `after` on."""

    def __init__(self) -> None:
        self.found = Recount()
        self.catalog = catalog_cache.refresh()
        self.meters: Meters = read_meters()
        self.known = Known({}, {}, set(), {})
        self.fold = Fold(self.known)
        self.after = 0
        self.customer_id: int | None = None
        # Their events say less than was sent; digests are in the fingerprints of what was counted all the same.
        self.erased = set(Customer.objects.filter(erased_at__isnull=False).values_list("pk", flat=True))

    def walk(self) -> Recount:
        reported, corrected = any_reports(), any_corrections()
        for rows in chunks():
            self._know({row.customer_id for row in rows if row.customer_id is not None})
            keys = [row.key for row in rows] if reported or corrected else []
            reports = reports_of(keys) if reported else {}
            taken_back = corrections.of(keys) if corrected else {}
            for row in rows:
                if row.customer_id != self.customer_id:
                    self._turn_to(row.customer_id)
                correction = taken_back.get(row.key)
                self._take(row, reports.get(row.key, NO_REPORTS), correction and correction.sequence)
            self.found.events += len(rows)
        self._compare(up_to=MOST_ID)
        return self.found

    def _know(self, customer_ids: set[int]) -> None:
        """Read the customers that are not known yet."""
        if new := customer_ids - self.known.customers.keys():
            read = read_known(new)
            self.known.customers |= read.customers
            self.known.subscribed |= read.subscribed
            self.known.moved |= read.moved
            self.known.marks |= read.marks

    def _turn_to(self, customer_id: int | None) -> None:
        """Leave a customer behind; once there are many sums, compare them and let them go."""
        if self.customer_id is not None and len(self.fold) > MOST_SUMS:
            self._compare(up_to=self.customer_id)
        self.customer_id = customer_id

    def _take(self, row: Stored, reports: dict[int | None, Reported], taken_back: int | None) -> None:
        event = as_received(row)
        if not has_its_key(row):
            _keep(self.found.keys, [{"key": row.key, "source": row.source, "id": row.sender_id}])
        if row.customer_id not in self.erased and not has_its_digest(row, event.properties):
            _keep(self.found.digests, [{"key": row.key, "id": row.sender_id, "digest": row.digest}])
        customer = self.known.customers.get(row.customer_id) if row.customer_id is not None else None
        found = attribute(event, catalog=self.catalog, customer=customer)
        if found.unpriced:
            _keep(self.found.neither, unreported(row, found, reports, meters=self.meters))
        if reports:
            wrong = unfounded(row, found, reports, known=self.known, meters=self.meters, catalog=self.catalog)
            _keep(self.found.reasons, wrong)
        self.fold.take(row, found, reports, taken_back)

    def _compare(self, *, up_to: int) -> None:
        """Compare the sums, all of customers up to this one, with what is stored of them, and forget them."""
        sums, span = self.fold.unfold(), {"after": self.after, "up_to": up_to}
        _keep(self.found.counters, wrong_counters(sums, **span))
        _keep(self.found.snapshots, wrong_snapshots(sums, **span))
        _keep(self.found.tallies, self.fold.tallies.wrong(self.known, **span))
        _keep(self.found.rollups, wrong_rollups(sums, moved=self.known.moved, **span))
        self.known = read_known([id_ for id_ in self.known.customers if id_ > up_to])
        self.fold = Fold(self.known)
        self.after = up_to


def _keep(rows: list[Row], more: Iterable[Row]) -> None:
    rows += islice(more, MOST_KEPT - len(rows))
