"""
The value of each single event, for the few prices that charge by it: a percentage with free events, or with bounds
per event.

Which events are free depends on their order in time, and what arrives late may change it for all that follow. Nothing
smaller than the events themselves tells that, so these prices alone walk the events of their period.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.ingest import catalogue, customers
from billing.ingest.attribution import attribute
from billing.ingest.stored import as_received, stored_between
from billing.models import Period
from plans.models import Meter
from plans.terms import FeatureTerms

Values = dict[tuple[int, datetime], dict[int, tuple[Decimal, ...]]]
"""(feature of the version, start of its window) → rate → values in the order of time, then source, then id."""


def read_values(*, period_id: int, features: Sequence[FeatureTerms], up_to: int | None = None) -> Values:
    """
    Return the values of a period's events at these features' rates.

    up_to: leave out events with a greater sequence number; none are left out if not given.
    """
    period = Period.objects.select_related("subscription__customer").get(pk=period_id)
    customer = period.subscription.customer
    known = customers.refresh([customer.external_id], sandbox=customer.sandbox, since=period.starts_at)
    names = Meter.objects.filter(pk__in={one.meter_id for one in features}).values_list("event_name", flat=True)
    wanted = {one.plan_feature_id for one in features}
    found: dict[Any, dict[int, list[Decimal]]] = {}
    events = stored_between(customer_id=customer.pk, names=list(names), since=period.starts_at, until=period.ends_at)
    for row in events:
        if up_to is not None and row.sequence > up_to:
            continue
        event = as_received(row)
        one = attribute(event, catalogue=catalogue.current(), customer=known.get(customer.external_id))
        for stop, value in zip(one.route.stops, one.values, strict=True):
            for counter, _ in stop.targets:
                if counter.period_id == period_id and counter.plan_feature_id in wanted:
                    by_rate = found.setdefault((counter.plan_feature_id, counter.window_start), {})
                    by_rate.setdefault(counter.rate_id, []).append(Decimal(value))
    return {
        window: {rate_id: tuple(values) for rate_id, values in by_rate.items()} for window, by_rate in found.items()
    }
