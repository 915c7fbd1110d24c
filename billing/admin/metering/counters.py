"""Usage of a period as counted, by rate."""

from dataclasses import dataclass

from billing.models import Counter, Period
from lib.formats import format_number, format_units
from plans.catalog.stored_terms import FREE_RATE
from plans.models import Rate


@dataclass(frozen=True, slots=True)
class CountedRow:
    feature: str
    rate: str
    events: str
    quantity: str


def usage_of(period: Period) -> list[CountedRow]:
    """Return the counters of a period as text, in two queries."""
    counters = list(
        Counter.objects.filter(period=period)
        .select_related("plan_feature__feature__meter")
        .order_by("plan_feature__position", "rate_id", "window_start")
    )
    rates = Rate.objects.in_bulk({counter.rate_id for counter in counters} - {FREE_RATE})
    return [
        CountedRow(
            feature=str(counter.plan_feature),
            rate=str(rates.get(counter.rate_id, "included only")),
            events=format_number(counter.events),
            quantity=format_units(counter.quantity, meter.unit if meter else ""),
        )
        for counter in counters
        for meter in [counter.plan_feature.feature.meter]
    ]
