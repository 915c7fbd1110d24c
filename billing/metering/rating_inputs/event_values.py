"""
Values of single events, for the few prices that charge by them: a percentage with free events, or with bounds per
event.

Which events are free depends on their order in time, and late usage may change it for all later events. Only the
events themselves hold that order, so these prices alone read the events of their period.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from billing.metering.ingest.event_contributions import read_contributions
from billing.metering.ingest.event_reader import read_pages
from billing.models import Period
from plans.catalog.stored_terms import FeatureTerms
from plans.models import Meter

EventValues = dict[tuple[int, datetime], dict[int, tuple[Decimal, ...]]]
"""(plan feature, start of its window) → rate → values ordered by time, then source, then id."""


def read_values(*, period_id: int, features: Sequence[FeatureTerms], up_to: int | None = None) -> EventValues:
    """
    Return the values of a period's events at these features' rates.

    up_to: limits them to events that counted at this high-water mark; default: those that count now.
    """
    period = Period.objects.select_related("subscription").get(pk=period_id)
    names = Meter.objects.filter(pk__in={feature.meter_id for feature in features}).values_list(
        "event_name", flat=True
    )
    plan_feature_ids = {feature.plan_feature_id for feature in features}
    values_by_window: dict[tuple[int, datetime], dict[int, list[Decimal]]] = {}
    pages = read_pages(
        customer_id=period.subscription.customer_id,
        names=list(names),
        since=period.starts_at,
        until=period.ends_at,
    )
    for rows in pages:
        for contributions in read_contributions(rows, since=period.starts_at):
            for part in contributions.contributions:
                # Late usage and corrections after the mark belong to later lines.
                if not contributions.is_counted(part, up_to=up_to):
                    continue
                for counter, _ in part.stop.targets:
                    if counter.period_id == period_id and counter.plan_feature_id in plan_feature_ids:
                        by_rate = values_by_window.setdefault((counter.plan_feature_id, counter.window_start), {})
                        by_rate.setdefault(counter.rate_id, []).append(Decimal(part.value))
    return {
        window: {rate_id: tuple(values) for rate_id, values in by_rate.items()}
        for window, by_rate in values_by_window.items()
    }
