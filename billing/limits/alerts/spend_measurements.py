"""Measurements of running periods: usage of allowances, spend against caps and amounts, and forecasts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.limits.alerts.measurements import Measurement
from billing.limits.alerts.rule_selection import AlertTarget, RuleBook
from billing.limits.alerts.thresholds import levels_reached
from billing.metering.rating_inputs.cap_usage import Cap, CapUsage, compute_cap_usage
from billing.metering.usage.current_usage import FeatureUsage, PeriodUsage, read_usage_of_customers
from billing.metering.usage.forecast import is_forecast_reliable
from billing.models import AlertRule
from billing.models.alerts import AlertKind
from billing.models.price_overrides import CapAction
from lib import prepared_statements
from lib.decimals import EXACT, ZERO

KINDS = (
    AlertKind.ALLOWANCE,
    AlertKind.CAP,
    AlertKind.SPEND,
    AlertKind.LAST_PERIOD,
    AlertKind.PROJECTED,
    AlertKind.VALUES,
)

MICROSECOND = timedelta(microseconds=1)

PeriodFeature = tuple[int, int | None]
"""(period, feature), or None for all features."""


def read_measurements(rules: RuleBook, seller_ids: Mapping[int, int], *, at: datetime) -> Iterator[Measurement]:
    """Yield the measurements of customers' running periods. seller_ids: customer → seller."""
    if not rules.has_active(KINDS):
        return
    projects = rules.has_active([AlertKind.PROJECTED])
    usage = read_usage_of_customers(customer_ids=list(seller_ids), at=at, projects=projects)
    previous_costs = _read_previous_costs(usage) if rules.has_active([AlertKind.LAST_PERIOD]) else {}
    for customer_id, periods in usage.items():
        seller_id = seller_ids[customer_id]
        for period in periods:
            target = AlertTarget(customer_id, period.subscription_id)
            yield from _measure_allowances(rules, target, seller_id, period)
            yield from _measure_values(rules, target, seller_id, period)
            yield from _measure_expected_costs(rules, target, seller_id, period, previous_costs, at)
        yield from _measure_caps(rules, customer_id, seller_id, periods)
    yield from _measure_spend_amounts(rules, usage)


def _measure_allowances(
    rules: RuleBook, target: AlertTarget, seller_id: int, period: PeriodUsage
) -> Iterator[Measurement]:
    for feature in period.features:
        if not feature.terms.shared_included:
            continue
        feature_target = target._replace(feature_id=feature.terms.feature_id)
        for rule in rules.select(AlertKind.ALLOWANCE, feature_target, seller_id=seller_id):
            yield Measurement(
                rule,
                feature_target,
                feature.used,
                feature.terms.included,
                feature.terms.unit,
                levels_reached(feature.used, limit=feature.terms.included, levels=rule.levels),
                feature.window_start,
                feature.window_end,
                has_agreed_limit=True,
                subscription=period.subscription,
                feature=feature.terms.code,
            )


def _measure_values(
    rules: RuleBook, target: AlertTarget, seller_id: int, period: PeriodUsage
) -> Iterator[Measurement]:
    """Yield the numbers of values that split prices have met, against their bounds."""
    for feature in period.features:
        price = feature.terms.price
        if price is None or price.split is None:
            continue
        feature_target = target._replace(feature_id=feature.terms.feature_id)
        numbered = Decimal(max((rate.position for rate in price.rates), default=0))
        bound = Decimal(price.split.bound)
        for rule in rules.select(AlertKind.VALUES, feature_target, seller_id=seller_id):
            yield Measurement(
                rule,
                feature_target,
                numbered,
                bound,
                "value",
                levels_reached(numbered, limit=bound, levels=rule.levels),
                period.starts_at,
                period.ends_at,
                has_agreed_limit=True,
                subscription=period.subscription,
                feature=feature.terms.code,
            )


def _measure_caps(
    rules: RuleBook, customer_id: int, seller_id: int, periods: Sequence[PeriodUsage]
) -> Iterator[Measurement]:
    for period, cap_usage in _latest_usage_per_cap(periods, {period.period_id: period.caps for period in periods}):
        target = _cap_target(customer_id, period, cap_usage.cap)
        for rule in rules.select(AlertKind.CAP, target, seller_id=seller_id):
            yield _period_measurement(rule, target, period, cap_usage.spent, cap_usage.cap.amount)


def _measure_spend_amounts(rules: RuleBook, usage: Mapping[int, Sequence[PeriodUsage]]) -> Iterator[Measurement]:
    """Yield the spend against amounts, which is computed as for caps."""
    rules_by_id: dict[int, AlertRule] = {}
    caps: dict[int, list[Cap]] = {}
    for customer_id, periods in usage.items():
        for rule in rules.customer_rules(AlertKind.SPEND, customer_id):
            rules_by_id[rule.pk] = rule
            for period in periods:
                if period.terms.currency == rule.currency and rule.subscription_id in (None, period.subscription_id):
                    caps.setdefault(period.period_id, []).append(_to_cap(rule))
    periods = [period for customer_periods in usage.values() for period in customer_periods]
    for period, spend_usage in _latest_usage_per_cap(periods, compute_cap_usage(caps, periods)):
        rule = rules_by_id[spend_usage.cap.id]
        yield _period_measurement(
            rule,
            _cap_target(rule.customer_id or 0, period, spend_usage.cap),
            period,
            spend_usage.spent,
            spend_usage.cap.amount,
        )


def _to_cap(rule: AlertRule) -> Cap:
    # As a cap, so that rules and caps spend alike.
    match = {rule.dimension: rule.dimension_value} if rule.dimension else {}
    limit, is_of_customer = rule.amount or ZERO, rule.subscription_id is None
    return Cap(
        rule.pk, is_of_customer, rule.feature_id, match, limit, rule.currency, CapAction.NOTIFY, None, rule.set_by
    )


def _latest_usage_per_cap(
    periods: Sequence[PeriodUsage], caps: Mapping[int, Sequence[CapUsage]]
) -> Iterator[tuple[PeriodUsage, CapUsage]]:
    """
    Yield each cap with its period. A cap on several periods comes with the latest one, which starts its cycle again.
    """
    latest: dict[int, tuple[PeriodUsage, CapUsage]] = {}
    for period in sorted(periods, key=lambda period: period.starts_at):
        latest |= {cap_usage.cap.id: (period, cap_usage) for cap_usage in caps.get(period.period_id, ())}
    yield from latest.values()


def _cap_target(customer_id: int, period: PeriodUsage, cap: Cap) -> AlertTarget:
    dimension, value = next(iter(cap.match.items()), ("", ""))
    subscription_id = None if cap.is_of_customer else period.subscription_id
    return AlertTarget(customer_id, subscription_id, cap.feature_id, None, dimension, value)


def _measure_expected_costs(
    rules: RuleBook,
    target: AlertTarget,
    seller_id: int,
    period: PeriodUsage,
    previous_costs: Mapping[PeriodFeature, Decimal],
    at: datetime,
) -> Iterator[Measurement]:
    """Yield the spend against the last period, and the forecast once it is reliable."""
    elapsed = Fraction((at - period.starts_at) // MICROSECOND, (period.ends_at - period.starts_at) // MICROSECOND)
    for kind in (AlertKind.LAST_PERIOD, AlertKind.PROJECTED):
        # Once for the whole period, and once for each feature that a rule of the customer names.
        for feature_id in {
            None,
            *(own_rule.feature_id for own_rule in rules.customer_rules(kind, target.customer_id)),
        }:
            feature_target = target._replace(feature_id=feature_id)
            features = [feature for feature in period.features if feature_id in (None, feature.terms.feature_id)]
            for rule in rules.select(kind, feature_target, seller_id=seller_id):
                if kind == AlertKind.LAST_PERIOD:
                    limit = previous_costs.get((period.period_id, feature_id), ZERO)
                    spent = sum((feature.cost for feature in features), ZERO)
                else:
                    is_reliable = rule.currency == period.terms.currency and is_forecast_reliable(elapsed)
                    limit = rule.amount or ZERO if is_reliable else ZERO
                    spent = sum((feature.projected for feature in features), ZERO)
                # Without a limit there is nothing to compare with: no previous period, or no reliable forecast.
                if limit:
                    yield _period_measurement(rule, feature_target, period, spent, limit)


def _period_measurement(
    rule: AlertRule, target: AlertTarget, period: PeriodUsage, spent: Decimal, limit: Decimal
) -> Measurement:
    feature = next(
        (feature.terms.code for feature in period.features if feature.terms.feature_id == target.feature_id), ""
    )
    return Measurement(
        rule,
        target,
        spent,
        limit,
        period.terms.currency,
        levels_reached(spent, limit=limit, levels=rule.levels),
        period.starts_at,
        period.ends_at,
        has_agreed_limit=rule.kind != AlertKind.LAST_PERIOD,
        subscription=period.subscription if target.subscription_id else "",
        feature=feature,
    )


# The lines of the preceding period by feature. A line that corrects another counts against it.
_PREVIOUS_COSTS = """
SELECT p.id, pf.feature_id, sum(CASE b.corrects_line_id WHEN 0 THEN l.amount ELSE -l.amount END)
FROM billing_period p
JOIN billing_period e ON e.subscription_id = p.subscription_id AND e.kind = 'regular' AND e.ends_at = p.starts_at
    AND e.state = 'closed' AND NOT e.is_trial
JOIN billing_billedusage b ON b.period_id = e.id
JOIN invoices_line l ON l.id = b.line_id
JOIN plans_planfeature pf ON pf.id = b.plan_feature_id
WHERE p.id = ANY(%s::bigint[]) GROUP BY 1, 2
"""


def _read_previous_costs(usage: Mapping[int, Collection[PeriodUsage]]) -> dict[PeriodFeature, Decimal]:
    """Return the billed usage of the periods before these: by feature, and of all features."""
    costs: dict[PeriodFeature, Decimal] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_PREVIOUS_COSTS, [[period.period_id for periods in usage.values() for period in periods]])
        for period_id, feature_id, amount in cursor.fetchall():
            costs[period_id, feature_id] = amount
            costs[period_id, None] = EXACT.add(costs.get((period_id, None), ZERO), amount)
    return costs


def feature_cost(usage: FeatureUsage) -> Decimal:
    """Return the cost of a feature's usage so far: the invoiced amount, and the amount asked of a wallet."""
    return usage.cost if usage.drawn is None else EXACT.add(usage.cost, usage.drawn)
