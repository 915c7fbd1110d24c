"""
Add up what events add, the many that go the same way in one go.

Events of the same customer, meters, dimensions and hour add to the same counters and rollups, so their values are
folded first and spread over counters and rollups when they are compared.
"""

from bisect import bisect_left
from datetime import datetime
from typing import Any

from billing.audit.usage.aggregate_states import Tallies
from billing.audit.usage.attribution_inputs import Known
from billing.audit.usage.sum_comparison import Figures, Recounted, Sums, add
from billing.metering.ingest.attribution import Attribution, Route
from billing.metering.ingest.event_contributions import Part, counted
from billing.metering.ingest.event_reader import Stored
from billing.metering.store.counter_store import CounterKey
from billing.metering.store.unmatched_usage import Reported


class Fold:
    """Sums under way. `len()` is about how many there are."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.sums = Recounted()
        self.tallies = Tallies()
        # By identity, which is much faster than by value; the entries keep their routes alive.
        self._folded: dict[tuple[int, datetime], list[Any]] = {}
        self._routes: dict[int, tuple[Route, bool]] = {}

    def __len__(self) -> int:
        return len(self._folded) + len(self.sums.certain.rollups)

    def take(
        self, row: Stored, found: Attribution, reports: dict[int | None, Reported], taken_back: int | None = None
    ) -> None:
        """Add an event, but for what is reported of it as unmatched, and for all of it where it was taken back."""
        fingerprint = int(row.digest, 16)
        route = found.route
        if route.is_costed or any(stop.tallies or stop.price for stop in route.stops):
            for part, _ in counted(row.sequence, found, reports, taken_back=taken_back):
                self.tallies.take(row, part, found.bucket, taken_back)
        if reports or taken_back is not None or not self._is_plain(route):
            for part, _ in counted(row.sequence, found, reports, taken_back=taken_back):
                self._add(row, part, found.bucket, fingerprint, taken_back)
        elif route.stops:
            total = self._folded.get((id(route), found.bucket))  # type: ignore[arg-type]
            if total is None:
                self._folded[id(route), found.bucket] = [route, 1, fingerprint, *found.values]  # type: ignore[index]
            else:
                total[1] += 1
                total[2] += fingerprint
                for place, value in enumerate(found.values, start=3):
                    total[place] += value

    def _is_plain(self, route: Route) -> bool:
        """Tell whether events of a route are all counted alike: in one period, of which nothing is billed yet."""
        kept = self._routes.get(id(route))
        if kept is None or kept[0] is not route:
            counters = [counter for stop in route.stops for counter, _ in stop.targets]
            is_plain = len({counter.period_id for counter in counters}) <= 1
            kept = (route, is_plain and self.known.marks.keys().isdisjoint(counters))
            self._routes[id(route)] = kept
        return kept[1]

    def _add(self, row: Stored, part: Part, bucket: Any, fingerprint: int, taken_back: int | None) -> None:
        stop, value, sequence = part
        several = len({counter.period_id for counter, _ in stop.targets}) > 1
        for counter, series in stop.targets:
            # Counted by another subscription already, it is not counted by one that is made later.
            is_doubtful = several and self.known.subscribed[counter.period_id] > row.received_at
            sums = self.sums.doubtful if is_doubtful else self.sums.certain
            self._mark(sums, counter, sequence, (1, value, fingerprint))
            if taken_back is not None:
                self._mark(sums, counter, taken_back, (-1, -value, -fingerprint))
                continue
            add(sums.counters, counter, 1, value, fingerprint)
            if series is not None:
                add(sums.rollups, (series, bucket), 1, value, 0)

    def _mark(self, sums: Sums, counter: CounterKey, sequence: int, figures: Figures) -> None:
        """Add to what the first snapshot after a number billed."""
        marks = self.known.marks.get(counter, ())
        if (place := bisect_left(marks, sequence)) < len(marks):
            add(sums.marked, (counter, marks[place]), *figures)

    def unfold(self) -> Recounted:
        """Return all sums."""
        certain = self.sums.certain
        for (_, bucket), (route, events, fingerprint, *values) in self._folded.items():
            for stop, value in zip(route.stops, values, strict=True):
                for counter, series in stop.targets:
                    add(certain.counters, counter, events, value, fingerprint)
                    if series is not None:
                        add(certain.rollups, (series, bucket), events, value, 0)
        self._folded.clear()
        return self.sums
