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

from billing.audit.usage.attribution_inputs import AttributionInputs, read_attribution_inputs
from billing.audit.usage.event_reader import digest_matches, has_corrections, has_reports, key_matches, read_chunks
from billing.audit.usage.event_sums import EventSums
from billing.audit.usage.meters import Meters, read_meters
from billing.audit.usage.sum_comparison import wrong_counters, wrong_rollups, wrong_snapshots
from billing.audit.usage.unmatched_usage import unreported, wrong_reports
from billing.metering.ingest import catalog_cache
from billing.metering.ingest.attribution import attribute_event
from billing.metering.ingest.event_reader import StoredEvent, to_received_event
from billing.metering.store import corrections
from billing.metering.store.unmatched_usage import ReportState, read_reports
from customers.models import Customer

EXACT = Context(prec=120)
# Findings of each kind kept in memory and stored; further ones are dropped.
MAX_ROWS = 100
MAX_SUMS = 200_000
"""Number of sums at which they are compared and dropped, which bounds the memory."""

# The largest value of a bigint column.
MAX_ID = 2**63 - 1
NO_REPORTS: dict[int | None, ReportState] = {}

Row = dict[str, Any]


@dataclass(slots=True)
class Recount:
    """Offending rows by kind of error, a hundred of each at most."""

    keys: list[Row] = field(default_factory=list)
    digests: list[Row] = field(default_factory=list)
    unreported: list[Row] = field(default_factory=list)
    reasons: list[Row] = field(default_factory=list)
    counters: list[Row] = field(default_factory=list)
    rollups: list[Row] = field(default_factory=list)
    aggregate_states: list[Row] = field(default_factory=list)
    snapshots: list[Row] = field(default_factory=list)
    events: int = 0


def recount() -> Recount:
    """Recount all events ever received, and return the contradictions."""
    with localcontext(EXACT):
        return _EventPass().run()


class _EventPass:
    """One pass over all events, ordered by customer. sums: those of the customers after `after`."""

    def __init__(self) -> None:
        self.findings = Recount()
        self.catalog = catalog_cache.refresh()
        self.meters: Meters = read_meters()
        self.inputs = AttributionInputs({}, {}, set(), {})
        self.sums = EventSums(self.inputs)
        self.after = 0
        self.customer_id: int | None = None
        # Erasure removes personal data from their events, so that the stored digest no longer matches the content.
        # The counters' fingerprints still use it.
        self.erased = set(Customer.objects.filter(erased_at__isnull=False).values_list("pk", flat=True))

    def run(self) -> Recount:
        reported, corrected = has_reports(), has_corrections()
        for rows in read_chunks():
            self._read_customers({row.customer_id for row in rows if row.customer_id is not None})
            keys = [row.key for row in rows] if reported or corrected else []
            reports = read_reports(keys) if reported else {}
            corrections_by_key = corrections.read_corrections(keys) if corrected else {}
            for row in rows:
                if row.customer_id != self.customer_id:
                    self._start_customer(row.customer_id)
                correction = corrections_by_key.get(row.key)
                self._add_event(row, reports.get(row.key, NO_REPORTS), correction and correction.sequence)
            self.findings.events += len(rows)
        self._compare(up_to=MAX_ID)
        return self.findings

    def _read_customers(self, customer_ids: set[int]) -> None:
        """Read the inputs of customers that have not been read yet."""
        if new_ids := customer_ids - self.inputs.customers.keys():
            inputs = read_attribution_inputs(new_ids)
            self.inputs.customers |= inputs.customers
            self.inputs.subscribed_at |= inputs.subscribed_at
            self.inputs.rezoned_ids |= inputs.rezoned_ids
            self.inputs.marks |= inputs.marks

    def _start_customer(self, customer_id: int | None) -> None:
        """Switch to the next customer; first compare and drop the sums if there are many."""
        if self.customer_id is not None and len(self.sums) > MAX_SUMS:
            self._compare(up_to=self.customer_id)
        self.customer_id = customer_id

    def _add_event(
        self, row: StoredEvent, reports: dict[int | None, ReportState], correction_sequence: int | None
    ) -> None:
        event = to_received_event(row)
        if not key_matches(row):
            _append_limited(self.findings.keys, [{"key": row.key, "source": row.source, "id": row.sender_id}])
        if row.customer_id not in self.erased and not digest_matches(row, event.properties):
            _append_limited(self.findings.digests, [{"key": row.key, "id": row.sender_id, "digest": row.digest}])
        customer = self.inputs.customers.get(row.customer_id) if row.customer_id is not None else None
        attribution = attribute_event(event, catalog=self.catalog, customer=customer)
        if attribution.unmatched_parts:
            _append_limited(self.findings.unreported, unreported(row, attribution, reports, meters=self.meters))
        if reports:
            wrong_rows = wrong_reports(
                row, attribution, reports, inputs=self.inputs, meters=self.meters, catalog=self.catalog
            )
            _append_limited(self.findings.reasons, wrong_rows)
        self.sums.add_event(row, attribution, reports, correction_sequence)

    def _compare(self, *, up_to: int) -> None:
        """Compare all sums, which are of customers up to this one, with the stored ones, and drop them."""
        recounted, customer_range = self.sums.total(), {"after": self.after, "up_to": up_to}
        _append_limited(self.findings.counters, wrong_counters(recounted, **customer_range))
        _append_limited(self.findings.snapshots, wrong_snapshots(recounted, **customer_range))
        _append_limited(self.findings.aggregate_states, self.sums.states.differences(self.inputs, **customer_range))
        _append_limited(
            self.findings.rollups, wrong_rollups(recounted, rezoned_ids=self.inputs.rezoned_ids, **customer_range)
        )
        self.inputs = read_attribution_inputs(
            [customer_id for customer_id in self.inputs.customers if customer_id > up_to]
        )
        self.sums = EventSums(self.inputs)
        self.after = up_to


def _append_limited(rows: list[Row], new_rows: Iterable[Row]) -> None:
    rows += islice(new_rows, MAX_ROWS - len(rows))
