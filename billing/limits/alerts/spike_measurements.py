"""Readings of the last day's use against what is usual: docs/alerts.md#unusual-use."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from billing.limits.alerts.measurements import Measurement
from billing.limits.alerts.rule_selection import AlertRules, AlertTarget
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
"""What a day's use must cost before it is unusual, where the rule does not say: 10.00 in most currencies."""

MIN_CREDITS = Decimal(10)


class RecentUsage(NamedTuple):
    """What was used in the last 24 hours and in the days before; days: of those since the first, begun ones too."""

    last_day: Decimal
    earlier: Decimal
    days: int


def read_measurements(rules: AlertRules, sellers: Mapping[int, int], *, at: datetime) -> Iterator[Measurement]:
    """Yield the last day's use of each feature whose meter adds up; sellers: customer → seller."""
    if not rules.has_active([AlertKind.ANOMALY]):
        return
    used = _read_recent_usage(list(sellers), at=at)
    usage = read_usage_of_customers(customer_ids={customer_id for customer_id, *_ in used}, at=at, projects=False)
    for customer_id, periods in usage.items():
        for period in periods:
            for one in period.features:
                lately = used.get((customer_id, period.subscription_id, one.terms.meter_id))
                adds_up = one.terms.metering.aggregation in ADDING and not one.terms.metering.recurring
                usually = usual_daily_quantity([lately.earlier], days=lately.days) if lately and adds_up else None
                if lately is None or not usually:
                    continue
                unit = one.terms.wallet or period.terms.currency
                # At the average price of the period so far.
                amount = Fraction(feature_cost(one)) * Fraction(lately.last_day) / Fraction(one.used or 1)
                of = AlertTarget(customer_id, period.subscription_id, one.terms.feature_id)
                for rule in rules.select(AlertKind.ANOMALY, of, seller_id=sellers[customer_id]):
                    least = _default_minimum_cost(unit) if rule.amount is None else rule.amount
                    yield Measurement(
                        rule,
                        of,
                        lately.last_day,
                        _to_millionths(usually),
                        one.terms.unit,
                        spike_levels(
                            lately.last_day,
                            usual_quantity=usually,
                            cost=amount,
                            minimum_cost=least,
                            levels=rule.levels,
                        ),
                        at.replace(hour=0, minute=0, second=0, microsecond=0),
                        subscription=period.subscription,
                        feature=one.terms.code,
                    )


def _default_minimum_cost(unit: str) -> Decimal:
    return MIN_CREDITS if unit == CREDITS else minor_unit(unit) * MIN_MINOR_UNITS


def _to_millionths(usually: Fraction) -> Decimal:
    """Return what is usual to a millionth: a figure to read, not one to bill."""
    return Decimal(round(usually * 1_000_000)).scaleb(-6)


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
    """Return (customer, subscription, meter) → what was used lately, by the hours kept beside the events."""
    day = at.replace(minute=0, second=0, microsecond=0) + HOUR - DAY
    asked = {"customers": customer_ids, "at": at, "day": day, "since": day - BASELINE_DAYS * DAY}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_RECENT_USAGE, asked)
        return {
            (customer_id, subscription_id, meter_id): RecentUsage(last, before, -((first - day) // DAY))
            for customer_id, subscription_id, meter_id, last, before, first in cursor.fetchall()
            if last > 0
        }
