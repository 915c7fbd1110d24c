"""
Count all usage again from the events: docs/audit.md#recount.

Every event is attributed by the function that ingest uses, and added up. The sums must equal the stored counters,
rollups and snapshots, to the last digit and fingerprint.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, localcontext
from itertools import islice
from typing import Any

from billing.audit.usage.attributed_events import AttributedEvent, AttributedEvents
from billing.audit.usage.event_reader import digest_matches, key_matches
from billing.audit.usage.event_sums import EventSums
from billing.audit.usage.limited_uses import LimitedSums
from billing.audit.usage.meters import Meters, read_meters
from billing.audit.usage.sum_comparison import (
    read_removed_periods,
    wrong_counters,
    wrong_rollups,
    wrong_snapshots,
)
from billing.audit.usage.unmatched_usage import unreported
from customers.models import Customer

EXACT = Context(prec=120)
# Findings of each kind kept in memory and stored; further ones are dropped.
MAX_ROWS = 100
MAX_SUMS = 200_000
"""Number of sums at which they are compared and dropped, which bounds the memory."""

# The largest value of a bigint column.
MAX_ID = 2**63 - 1

Row = dict[str, Any]


@dataclass(slots=True)
class Recount:
    """
    Offending rows by kind of error, a hundred of each at most.

    removed_periods: number of periods that are not recounted, because events of them have left.
    """

    keys: list[Row] = field(default_factory=list)
    digests: list[Row] = field(default_factory=list)
    unreported: list[Row] = field(default_factory=list)
    counters: list[Row] = field(default_factory=list)
    rollups: list[Row] = field(default_factory=list)
    snapshots: list[Row] = field(default_factory=list)
    buckets: list[Row] = field(default_factory=list)
    left_behind: list[Row] = field(default_factory=list)
    removed_periods: int = 0


def recount() -> Recount:
    """Recount all events ever received, and return the contradictions."""
    with localcontext(EXACT):
        return _EventPass().run()


class _EventPass:
    """One pass over all events, ordered by customer. sums: those of the customers after `after`."""

    def __init__(self) -> None:
        self.findings = Recount()
        self.events = AttributedEvents()
        self.meters: Meters = read_meters()
        self.sums = EventSums(self.events.inputs)
        self.limited = LimitedSums()
        self.after = 0
        self.customer_id: int | None = None
        # Erasure removes personal data from their events, so that the stored digest no longer matches the content.
        # The counters' fingerprints still use it.
        self.erased = set(Customer.objects.filter(erased_at__isnull=False).values_list("pk", flat=True))

    def run(self) -> Recount:
        for attributed in self.events:
            if attributed.row.customer_id != self.customer_id:
                self._start_customer(attributed.row.customer_id)
            self._add_event(attributed)
        self._compare(up_to=MAX_ID)
        self.findings.left_behind = [{"key": key} for key in self.events.left_behind]
        return self.findings

    def _start_customer(self, customer_id: int | None) -> None:
        """Switch to the next customer; first compare and drop the sums if there are many."""
        if self.customer_id is not None and len(self.sums) > MAX_SUMS:
            self._compare(up_to=self.customer_id)
        self.customer_id = customer_id

    def _add_event(self, attributed: AttributedEvent) -> None:
        row, event, attribution, reports, correction_sequence = attributed
        if not key_matches(row):
            _append_limited(self.findings.keys, [{"key": row.key, "source": row.source, "id": row.sender_id}])
        if row.customer_id not in self.erased and not digest_matches(row, event.properties):
            _append_limited(self.findings.digests, [{"key": row.key, "id": row.sender_id, "digest": row.digest}])
        if attribution.unmatched_parts:
            _append_limited(self.findings.unreported, unreported(row, attribution, reports, meters=self.meters))
        self.sums.add_event(row, attribution, reports, correction_sequence)
        self.limited.add_event(row, attribution, reports, correction_sequence)

    def _compare(self, *, up_to: int) -> None:
        """Compare all sums, which are of customers up to this one, with the stored ones, and drop them."""
        recounted, customer_range = self.sums.total(), {"after": self.after, "up_to": up_to}
        if removed_periods := read_removed_periods(**customer_range):
            recounted.drop(removed_periods)
            self.findings.removed_periods += len(removed_periods)
        _append_limited(self.findings.counters, wrong_counters(recounted, **customer_range))
        _append_limited(self.findings.snapshots, wrong_snapshots(recounted, **customer_range))
        rezoned_ids = self.events.inputs.rezoned_ids
        _append_limited(self.findings.rollups, wrong_rollups(recounted, rezoned_ids=rezoned_ids, **customer_range))
        _append_limited(self.findings.buckets, self.limited.wrong_buckets(**customer_range))
        self.events.forget(up_to=up_to)
        self.sums = EventSums(self.events.inputs)
        self.limited = LimitedSums()
        self.after = up_to


def _append_limited(rows: list[Row], new_rows: Iterable[Row]) -> None:
    rows += islice(new_rows, MAX_ROWS - len(rows))
