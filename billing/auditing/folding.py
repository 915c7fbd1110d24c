"""
Add up what events add, the many that go the same way in one go.

Events of the same customer, meters, dimensions and hour add to the same counters and rollups, so their values are
folded first and spread over counters and rollups when they are compared.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.auditing.comparing import Recounted, add
from billing.auditing.known import Known
from billing.auditing.reading_events import Report
from billing.auditing.tallying import Tallies
from billing.ingest.attribution import Attribution, Route, Stop
from billing.ingest.stored import Stored


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

    def take(self, row: Stored, found: Attribution, reports: dict[int | None, Report]) -> None:
        """Add an event, but for what is reported of it as unbilled."""
        fingerprint = int(row.digest, 16)
        route = found.route
        if route.is_costed or any(stop.tallies or stop.price for stop in route.stops):
            for stop, value, sequence in _counted(row, found, reports):
                self.tallies.take(row, stop, value, found.bucket, sequence)
        if reports or not self._is_plain(route):
            for stop, value, sequence in _counted(row, found, reports):
                self._add(row, stop, value, found.bucket, fingerprint, sequence)
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

    def _add(
        self, row: Stored, stop: Stop, value: int | Decimal, bucket: Any, fingerprint: int, sequence: int
    ) -> None:
        several = len({counter.period_id for counter, _ in stop.targets}) > 1
        for counter, series in stop.targets:
            # Counted by another subscription already, it is not counted by one that is made later.
            is_doubtful = several and self.known.subscribed[counter.period_id] > row.received_at
            sums = self.sums.doubtful if is_doubtful else self.sums.certain
            add(sums.counters, counter, 1, value, fingerprint)
            marks = self.known.marks.get(counter, ())
            if (place := bisect_left(marks, sequence)) < len(marks):
                add(sums.marked, (counter, marks[place]), 1, value, fingerprint)
            if series is not None:
                add(sums.rollups, (series, bucket), 1, value, 0)

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


def _counted(row: Stored, found: Attribution, reports: dict[int | None, Report]) -> Iterable[tuple[Stop, Any, int]]:
    """Yield (stop, value, sequence) of what an event adds, leaving out what is reported instead."""
    for stop, value in zip(found.route.stops, found.values, strict=True):
        report = reports.get(stop.meter.id) or reports.get(None)
        if report is None:
            yield stop, value, row.sequence
        elif report.resolved_sequence is not None:
            yield stop, value, report.resolved_sequence
