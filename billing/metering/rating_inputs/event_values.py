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

from billing.metering.ingest.event_contributions import read_contributions
from billing.metering.ingest.event_reader import read_pages
from billing.models import Period
from plans.catalog.stored_terms import FeatureTerms
from plans.models import Meter

EventValues = dict[tuple[int, datetime], dict[int, tuple[Decimal, ...]]]
"""(feature of the version, start of its window) → rate → values in the order of time, then source, then id."""


def read_values(*, period_id: int, features: Sequence[FeatureTerms], up_to: int | None = None) -> EventValues:
    """
    Return the values of a period's events at these features' rates.

    up_to: the events that counted at this high-water mark; those that count now if not given.
    """
    period = Period.objects.select_related("subscription").get(pk=period_id)
    names = Meter.objects.filter(pk__in={one.meter_id for one in features}).values_list("event_name", flat=True)
    wanted = {one.plan_feature_id for one in features}
    found: dict[Any, dict[int, list[Decimal]]] = {}
    pages = read_pages(
        customer_id=period.subscription.customer_id,
        names=list(names),
        since=period.starts_at,
        until=period.ends_at,
    )
    for rows in pages:
        for one in read_contributions(rows, since=period.starts_at):
            for part in one.contributions:
                if not one.is_counted(part, up_to=up_to):
                    continue
                for counter, _ in part.stop.targets:
                    if counter.period_id == period_id and counter.plan_feature_id in wanted:
                        by_rate = found.setdefault((counter.plan_feature_id, counter.window_start), {})
                        by_rate.setdefault(counter.rate_id, []).append(Decimal(part.value))
    return {
        window: {rate_id: tuple(values) for rate_id, values in by_rate.items()} for window, by_rate in found.items()
    }
