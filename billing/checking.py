"""May this customer do this? Asked in front of the customer's own product, so it is one query."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from billing.subscribing import extend_customers
from billing.subscribing.edges import ANCHOR_AT, window_of
from billing.subscribing.extending import AHEAD
from billing.usage.agreed import OVERRIDES, terms_for
from billing.usage.continuing import CONTINUES
from billing.usage.counted import Counted, Span, Window, usage_of, with_metered, with_runs
from billing.usage.current import UnknownCustomer
from billing.usage.due import rate_window
from billing.usage.metered import read_held
from billing.usage.runs import read_runs
from plans import statements
from plans.models.prices import Consumption
from plans.pricing.exact import ZERO
from plans.pricing.rating import rate_usage
from plans.terms import FeatureTerms


class UnknownFeature(Exception):
    """There is no feature of this code."""


@dataclass(frozen=True, slots=True)
class Answer:
    """
    allowed: whether the quantity may be used now. reason: why not; empty if allowed.

    used, included, remaining: of the running period; remaining is None where nothing limits use.
    resets_at: when the allowance starts anew.
    """

    allowed: bool
    reason: str
    consumption: str
    used: Decimal
    included: Decimal
    remaining: Decimal | None
    resets_at: datetime | None


NOT_COVERED = "no_subscription"
CAP_REACHED = "hard_cap_reached"

_CHECK = f"""
SELECT cu.id, f.id, s.id, p.id, p.version_id, s.currency, p.starts_at, p.ends_at, {ANCHOR_AT}, cu.time_zone, pf.id,
       {OVERRIDES}, {CONTINUES}, p.is_trial, c.window_start, c.rate_id, c.events, c.quantity, c.fingerprint, c.carried
FROM customers_customer cu
LEFT JOIN plans_feature f ON f.code = %(feature)s
LEFT JOIN billing_coverage co
    ON co.customer_id = cu.id AND co.feature_id = f.id AND co.during @> %(at)s
LEFT JOIN billing_subscription s ON s.id = co.subscription_id AND (s.external_id = %(subscription)s
    OR (%(subscription)s = '' AND NOT s.named))
LEFT JOIN billing_period p
    ON p.subscription_id = s.id AND p.kind = 'regular' AND p.starts_at <= %(at)s AND p.ends_at > %(at)s
LEFT JOIN plans_planfeature pf ON pf.version_id = p.version_id AND pf.feature_id = f.id
LEFT JOIN billing_counter c ON c.period_id = p.id AND c.plan_feature_id = pf.id
WHERE cu.sandbox = %(sandbox)s AND cu.external_id = %(customer)s
"""  # noqa: S608


def check(
    *, customer: str, feature: str, quantity: Decimal, sandbox: bool, at: datetime, subscription: str = ""
) -> Answer:
    """
    Answer whether a customer may use `quantity` units (zero or more) of a feature at `at`.

    :raises UnknownCustomer: if there is no such customer.
    :raises UnknownFeature: if there is no such feature.
    """
    asked = {"customer": customer, "feature": feature, "sandbox": sandbox, "at": at, "subscription": subscription}
    rows = _find(asked)
    if rows[0].subscription_id is not None and rows[0].version_id is None:
        # Periods are made ahead of time; where nobody has done so for hours, the answer must not depend on it.
        extend_customers(customer_ids=[rows[0].customer_id], until=at + AHEAD)
        rows = _find(asked)
    if rows[0].plan_feature_id is None:
        return Answer(False, NOT_COVERED, "", ZERO, ZERO, ZERO, None)
    return _answer(rows, quantity, at)


class Row(NamedTuple):
    """One counter of the feature, or none, with what it belongs to."""

    customer_id: int
    feature_id: int | None
    subscription_id: int | None
    period_id: int
    version_id: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    anchor_at: datetime
    time_zone: str
    plan_feature_id: int | None
    overrides: str
    continued: str
    is_trial: bool
    window_start: datetime
    rate_id: int | None
    events: int
    quantity: Decimal
    fingerprint: Decimal
    carried: Decimal


def _find(asked: dict[str, Any]) -> list[Row]:
    with statements.cursor() as cursor:
        cursor.execute(_CHECK, asked, binary=True)
        rows = [Row(*row) for row in cursor.fetchall()]
    if not rows:
        raise UnknownCustomer(asked["customer"])
    if rows[0].feature_id is None:
        raise UnknownFeature(asked["feature"])
    # A feature may be covered twice, by an unnamed subscription and by named ones: only the one asked for counts.
    return [row for row in rows if row.subscription_id is not None] or rows[:1]


def _answer(rows: list[Row], quantity: Decimal, at: datetime) -> Answer:
    first = rows[0]
    terms = terms_for(first)
    feature = terms.by_plan_feature.get(first.plan_feature_id or 0)
    if feature is None:
        return Answer(True, "", "", ZERO, ZERO, None, first.ends_at)
    starts_at, resets_at = first.starts_at, first.ends_at
    if feature.resets is not None:
        zone = ZoneInfo(first.time_zone)
        starts_at, resets_at = window_of(terms, feature.resets, anchor_at=first.anchor_at, zone=zone, at=at)
    used = _used(rows, feature, starts_at, at)
    if feature.consumption != Consumption.HARD_CAP:
        return Answer(True, "", feature.consumption, used, feature.included, None, resets_at)
    remaining = max(feature.included - used, ZERO)
    allowed = quantity <= remaining and (quantity > 0 or remaining > 0)
    reason = "" if allowed else CAP_REACHED
    return Answer(allowed, reason, feature.consumption, used, feature.included, remaining, resets_at)


def _used(rows: list[Row], feature: FeatureTerms, starts_at: datetime, at: datetime) -> Decimal:
    """Return what was used of a feature since its window of use began."""
    if feature.price is None:
        return ZERO
    counted = {
        row.rate_id: Counted(row.events, row.quantity, row.fingerprint, row.carried)
        for row in rows
        if row.rate_id is not None and row.window_start == starts_at
    }
    if feature.metering.is_tallied:
        window = Window(feature.plan_feature_id, starts_at)
        counted = with_metered({window: counted}, rows[0], read_held([rows[0]]), at=at)[window]
    if feature.runs_on:
        span = Span(*rows[0][3:10])
        return rate_window(with_runs(span, read_runs([span])), feature, counted, is_final=False).now.quantity
    return rate_usage(feature.price, usage_of(feature.price, counted), is_final=False).quantity
