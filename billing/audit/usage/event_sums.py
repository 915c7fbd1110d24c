"""
Add up events, combining those with the same route.

Events of one customer, meter, dimensions and hour add to the same counters and rollups. Their values are summed
first, and distributed to counters and rollups when the sums are compared.
"""

from bisect import bisect_left
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.audit.usage.attribution_inputs import AttributionInputs
from billing.audit.usage.sum_comparison import RecountedUsage, UsageSums, add
from billing.metering.ingest.attribution import Attribution, Route
from billing.metering.ingest.event_contributions import Contribution, counted_contributions
from billing.metering.ingest.event_reader import StoredEvent
from billing.metering.store.counter_store import CounterKey
from billing.metering.store.unmatched_usage import ReportState


class EventSums:
    """Sums in progress. `len()` is roughly their number."""

    def __init__(self, inputs: AttributionInputs) -> None:
        self.inputs = inputs
        self.sums = RecountedUsage()
        # Keyed by the route's identity, which is much faster than by value. The entries hold the route, so that its
        # id() is not reused.
        self._folded: dict[tuple[int, datetime], list[Any]] = {}
        self._routes: dict[int, tuple[Route, bool]] = {}

    def __len__(self) -> int:
        return len(self._folded) + len(self.sums.certain.rollups)

    def add_event(
        self,
        row: StoredEvent,
        attribution: Attribution,
        reports: dict[int | None, ReportState],
        correction_sequence: int | None = None,
    ) -> None:
        """
        Add an event, except for the parts that are reported as unmatched; a corrected event adds nothing in the end.
        """
        fingerprint = int(row.digest, 16)
        route = attribution.route
        if reports or correction_sequence is not None or not self._is_plain(route):
            for contribution, _ in counted_contributions(
                row.sequence, attribution, reports, correction_sequence=correction_sequence
            ):
                self._add(row, contribution, attribution.bucket, fingerprint, correction_sequence)
        elif route.stops:
            total = self._folded.get((id(route), attribution.bucket))
            if total is None:
                self._folded[id(route), attribution.bucket] = [route, 1, fingerprint, *attribution.values]
            else:
                total[1] += 1
                total[2] += fingerprint
                for index, value in enumerate(attribution.values, start=3):
                    total[index] += value

    def _is_plain(self, route: Route) -> bool:
        """Return whether all events of a route count in one period, and none of it is billed yet."""
        cached = self._routes.get(id(route))
        if cached is None or cached[0] is not route:
            counters = [counter for stop in route.stops for counter, _ in stop.targets]
            is_plain = len({counter.period_id for counter in counters}) <= 1
            cached = (route, is_plain and self.inputs.marks.keys().isdisjoint(counters))
            self._routes[id(route)] = cached
        return cached[1]

    def _add(
        self,
        row: StoredEvent,
        contribution: Contribution,
        bucket: datetime,
        fingerprint: int,
        correction_sequence: int | None,
    ) -> None:
        stop, value, sequence = contribution
        is_shared = len({counter.period_id for counter, _ in stop.targets}) > 1
        for counter, series in stop.targets:
            # An event that another subscription has counted is not counted again by a subscription created later.
            is_doubtful = is_shared and self.inputs.subscribed_at[counter.period_id] > row.received_at
            sums = self.sums.doubtful if is_doubtful else self.sums.certain
            self._mark(sums, counter, sequence, (1, value, fingerprint))
            if correction_sequence is not None:
                self._mark(sums, counter, correction_sequence, (-1, -value, -fingerprint))
                continue
            add(sums.counters, counter, 1, value, fingerprint)
            if series is not None:
                add(sums.rollups, (series, bucket), 1, value, 0)

    def _mark(
        self, sums: UsageSums, counter: CounterKey, sequence: int, figures: tuple[int, int | Decimal, int]
    ) -> None:
        """Add to the sum of the first snapshot at or after this sequence number."""
        marks = self.inputs.marks.get(counter, ())
        if (index := bisect_left(marks, sequence)) < len(marks):
            add(sums.marked, (counter, marks[index]), *figures)

    def total(self) -> RecountedUsage:
        """Return all sums, with the combined ones distributed."""
        certain = self.sums.certain
        for (_, bucket), (route, events, fingerprint, *values) in self._folded.items():
            for stop, value in zip(route.stops, values, strict=True):
                for counter, series in stop.targets:
                    add(certain.counters, counter, events, value, fingerprint)
                    if series is not None:
                        add(certain.rollups, (series, bucket), events, value, 0)
        self._folded.clear()
        return self.sums
