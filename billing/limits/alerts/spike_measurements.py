"""Measurements of the last day's usage against the usual usage: docs/alerts.md#unusual-usage."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from billing.limits.alerts.measurements import Measurement
from billing.limits.alerts.rule_selection import AlertTarget, RuleBook
from billing.limits.alerts.spend_measurements import feature_cost
from billing.limits.alerts.thresholds import BASELINE_DAYS, spike_levels, usual_daily_quantity
from billing.metering.usage.current_usage import read_usage_of_customers
from billing.metering.usage.usage_summary import ADDING
from billing.models.alerts import AlertKind
from lib import prepared_statements
from lib.currencies import CREDITS
from lib.money import minor_unit

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

MIN_MINOR_UNITS = 1_000
"""Minimum cost of a day's usage that counts as unusual, unless the rule sets one: 10.00 in most currencies."""

# The same minimum for usage paid with credits, which have no minor unit.
MIN_CREDITS = Decimal(10)


class RecentUsage(NamedTuple):
    """
    Usage in the last 24 hours and in the days before. days: number of days since the first one, including partial
    days.
    """

    last_day: Decimal
    earlier: Decimal
    days: int


def read_measurements(rules: RuleBook, seller_ids: Mapping[int, int], *, at: datetime) -> Iterator[Measurement]:
    """Yield the last day's usage of each feature whose meter adds up. seller_ids: customer → seller."""
    if not rules.has_active([AlertKind.ANOMALY]):
        return
    recent_usage = _read_recent_usage(list(seller_ids), at=at)
    usage = read_usage_of_customers(
        customer_ids={customer_id for customer_id, *_ in recent_usage}, at=at, projects=False
    )
    for customer_id, periods in usage.items():
        for period in periods:
            for feature in period.features:
                recent = recent_usage.get((customer_id, period.subscription_id, feature.terms.meter_id))
                adds_up = feature.terms.metering.aggregation in ADDING and not feature.terms.metering.recurring
                usual = usual_daily_quantity([recent.earlier], days=recent.days) if recent and adds_up else None
                if recent is None or not usual:
                    continue
                unit = feature.terms.wallet or period.terms.currency
                # At the average price of the period so far.
                amount = Fraction(feature_cost(feature)) * Fraction(recent.last_day) / Fraction(feature.used or 1)
                target = AlertTarget(customer_id, period.subscription_id, feature.terms.feature_id)
                for rule in rules.select(AlertKind.ANOMALY, target, seller_id=seller_ids[customer_id]):
                    minimum_cost = _default_minimum_cost(unit) if rule.amount is None else rule.amount
                    yield Measurement(
                        rule,
                        target,
                        recent.last_day,
                        _to_millionths(usual),
                        feature.terms.unit,
                        spike_levels(
                            recent.last_day,
                            usual_quantity=usual,
                            cost=amount,
                            minimum_cost=minimum_cost,
                            levels=rule.levels,
                        ),
                        at.replace(hour=0, minute=0, second=0, microsecond=0),
                        subscription=period.subscription,
                        feature=feature.terms.code,
                    )


def _default_minimum_cost(unit: str) -> Decimal:
    return MIN_CREDITS if unit == CREDITS else minor_unit(unit) * MIN_MINOR_UNITS


def _to_millionths(usual: Fraction) -> Decimal:
    """Return the usual quantity to a millionth: for display, not for billing."""
    return Decimal(round(usual * 1_000_000)).scaleb(-6)


# Reads hourly rollups by subscription and meter, never events.
_RECENT_USAGE = """
SELECT s.customer_id, s.id, r.meter_id, coalesce(sum(h.quantity) FILTER (WHERE h.bucket >= %(day)s), 0),
    coalesce(sum(h.quantity) FILTER (WHERE h.bucket < %(day)s), 0), min(h.bucket)
FROM billing_subscription s
JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular' AND p.ends_at > %(since)s
    AND p.starts_at <= %(at)s
JOIN billing_series r ON r.period_id = p.id
JOIN billing_hourlyusage h ON h.series_id = r.id AND h.bucket >= %(since)s AND h.bucket <= %(at)s
WHERE s.customer_id = ANY(%(customers)s::bigint[])
GROUP BY 1, 2, 3
"""


def _read_recent_usage(customer_ids: list[int], *, at: datetime) -> dict[tuple[int, int, int], RecentUsage]:
    """Return (customer, subscription, meter) → recent usage, from the hourly rollups."""
    # Rollups are hourly, so the last 24 hours start with a full hour.
    day = at.replace(minute=0, second=0, microsecond=0) + HOUR - DAY
    parameters = {"customers": customer_ids, "at": at, "day": day, "since": day - BASELINE_DAYS * DAY}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_RECENT_USAGE, parameters)
        return {
            (customer_id, subscription_id, meter_id): RecentUsage(last, before, -((first - day) // DAY))
            for customer_id, subscription_id, meter_id, last, before, first in cursor.fetchall()
            if last > 0
        }
