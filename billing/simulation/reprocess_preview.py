"""
What trying unmatched usage again would bill: the replay itself, rated before and after, and taken back.

Nothing of it stays, and what it says is what the replay does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec
from django.db import transaction
from django.db.models import Min

from billing.closing.lines.usage_lines import rated
from billing.closing.period_reader import read_closings, read_counters
from billing.metering.ingest import catalog_cache, customer_cache
from billing.metering.ingest.reprocess import Replayed, replay
from billing.metering.rating_inputs.aggregate_quantities import read_held
from billing.metering.rating_inputs.multi_period_windows import read_runs
from billing.metering.rating_inputs.period_counters import with_metered, with_runs
from billing.metering.store import counter_store
from billing.models import Period, UnmatchedUsage
from billing.models.periods import PeriodKind, PeriodState
from lib.decimals import ZERO

MOST_PERIODS = 2_000


class Place(NamedTuple):
    """What is billed: a feature in a period."""

    period_id: int
    customer: str
    feature: str
    unit: str
    currency: str


@dataclass(frozen=True, slots=True)
class Bill:
    """What a replay adds to a feature of a period. is_late: whether that is closed, so it is billed as late usage."""

    place: Place
    quantity: Decimal
    amount: Decimal
    is_late: bool


@dataclass(frozen=True, slots=True)
class ReprocessPreview:
    """What came of the reports, and what it adds; nothing of it has happened."""

    replayed: Replayed
    bills: tuple[Bill, ...]


def rehearse(*, at: datetime, report_ids: Collection[int]) -> ReprocessPreview:
    """Return what replaying these reports would count and bill now; nothing is stored."""
    try:
        with transaction.atomic():
            replayed = replay(at=at, report_ids=report_ids)
            period_ids = _periods(report_ids, at=at)
            after = _rated(period_ids)
            transaction.set_rollback(True)
    finally:  # copies may hold what was made meanwhile and is not there any more
        counter_store.forget()
        customer_cache.forget()
        catalog_cache.forget()
    before = _rated(period_ids)
    closed = set(Period.objects.filter(pk__in=period_ids, state=PeriodState.CLOSED).values_list("pk", flat=True))
    nothing = (ZERO, ZERO)
    bills = [
        Bill(place, quantity - then, amount - cost, place.period_id in closed)
        for place, (quantity, amount) in after.items()
        for then, cost in [before.get(place, nothing)]
        if (quantity, amount) != (then, cost)
    ]
    return ReprocessPreview(replayed, tuple(sorted(bills, key=lambda one: -one.amount)))


def _periods(report_ids: Collection[int], *, at: datetime) -> list[int]:
    """Return the periods that the reports which are resolved may change: theirs, and those that follow until now."""
    resolved = UnmatchedUsage.objects.filter(pk__in=report_ids, resolved_at__isnull=False)
    first = resolved.aggregate(first=Min("occurred_at"))["first"]
    if first is None:
        return []
    found = Period.objects.filter(
        kind=PeriodKind.REGULAR,
        subscription__customer__in=resolved.values("customer"),
        starts_at__lte=at,
        ends_at__gt=first,
    )
    return list(found.order_by("pk").values_list("pk", flat=True)[:MOST_PERIODS])


def _rated(period_ids: Sequence[int]) -> Mapping[Place, tuple[Decimal, Decimal]]:
    """Return (quantity, amount) of each feature that was used in these periods, rated as a close would."""
    closings, counters = read_closings(period_ids), read_counters(period_ids)
    spans = [one.span for one in closings.values()]
    held, runs = read_held(spans), read_runs(spans)
    found: dict[Place, tuple[Decimal, Decimal]] = {}
    for period_id, closing in closings.items():
        customer, span = msgspec.json.decode(closing.buyer.facts)["external_id"], closing.span
        used = with_metered(counters.get(period_id, {}), span, held)
        for due in rated(with_runs(span, runs), used):
            place = Place(period_id, customer, due.feature.name, due.feature.unit, span.currency)
            quantity, amount = found.get(place, (ZERO, ZERO))
            found[place] = (quantity + due.quantity, amount + due.amount(span.currency))
    return found
