"""A customer's usage of a feature, with its limits, in one statement: checks precede every use of the product."""

from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import Q
from psycopg.rows import kwargs_row

from billing.metering.rating_inputs.period_loader import METERING_COLUMNS
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.metering.usage.current_usage import UnknownCustomer
from billing.models import Pause
from billing.subscriptions import generate_customer_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from lib import prepared_statements


class UnknownFeature(Exception):
    """There is no feature with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no feature “{code}”.")


class FeatureQuery(NamedTuple):
    """A customer, a feature and a time. subscription: its external id, if the usage names it."""

    customer: str
    feature: str
    sandbox: bool
    at: datetime
    subscription: str = ""


class FeatureUsageRow(NamedTuple):
    """
    One counter of the feature, or none, with its period and limits.

    reserved_json, wallet_funds_json, is_capped: reservations of the feature, wallet funds for it, and whether a spend
        cap stops or throttles it, as read by `billing.limits.availability`.
    unlocked_by, unlocked_with, unlocked_at: the unlock rule: see `PlanFeature`.
    recent_uses_json: recent uses, as read by `billing.limits.usage_limits`; empty without quotas and throttles.

    Without a period, the columns from `period_id` on hold None.
    """

    customer_id: int
    feature_id: int | None
    when_unreachable: str
    subscription_id: int | None
    seller_id: int | None
    reserved_json: str
    wallet_funds_json: str
    is_capped: bool
    period_id: int | None
    version_id: int | None
    currency: str
    starts_at: datetime | None
    ends_at: datetime | None
    anchor_at: datetime
    time_zone: str
    overrides: str
    continued: str
    is_trial: bool
    plan_feature_id: int | None
    window_start: datetime
    rate_id: int | None
    events: int
    quantity: Decimal
    fingerprint: Decimal
    carried: Decimal
    unlocked_by: str
    unlocked_with: str
    unlocked_at: Decimal
    recent_uses_json: str

    @property
    def period(self) -> RatingPeriod:
        """The period in the form that rating reads."""
        return RatingPeriod.from_row(self)


_RESERVED = """
coalesce((
    SELECT json_agg(json_build_array(r.rate_id, r.window_start, r.quantity::text)) FROM (
        SELECT rate_id, window_start, sum(quantity) AS quantity FROM billing_reservation
        WHERE period_id = p.id AND plan_feature_id = pf.id AND state = 'open' AND until > %(at)s GROUP BY 1, 2
    ) r
)::text, '')
"""
# Funds per wallet in order of drawdown: lots that are valid now, may pay for the feature, and are not held.
_WALLET_FUNDS = """
CASE WHEN pf.consumption IN ('credits', 'balance') THEN coalesce((
    SELECT json_agg(json_build_array(w.at_zero, w.grace::text, (w.debt + w.debt_held)::text, coalesce((
        SELECT sum(l.remaining - l.held) FROM wallets_lot l WHERE l.wallet_id = w.id AND l.has_left
            AND l.valid_from <= %(at)s AND (l.expires_at IS NULL OR l.expires_at > %(at)s)
            AND (l.features = '{}' OR f.id = ANY(l.features))
    ), 0)::text) ORDER BY w.priority, w.id)
    FROM wallets_wallet w WHERE w.customer_id = cu.id AND w.seller_id = s.seller_id AND w.closed_at IS NULL
        AND w.unit = CASE pf.consumption WHEN 'credits' THEN 'credits' ELSE s.currency END
)::text, '[]') ELSE '' END
"""
# Of the subscription, whatever version it was on: a quota goes on through a plan change.
_RECENT_USES = """
CASE WHEN EXISTS (SELECT FROM plans_usagelimit ul WHERE ul.plan_feature_id = pf.id) THEN json_build_array(
    coalesce((
        SELECT json_agg(json_build_array(b.is_window, b.seconds, b.starts_at, b.events, b.quantity::text))
        FROM billing_usagebucket b WHERE b.subscription_id = s.id AND b.feature_id = f.id
    ), '[]'),
    coalesce((
        SELECT json_agg(json_build_array(r.at, r.quantity::text)) FROM billing_reservation r
        JOIN plans_planfeature rf ON rf.id = r.plan_feature_id JOIN billing_period rp ON rp.id = r.period_id
        WHERE r.customer_id = cu.id AND r.state = 'open' AND r.until > %(at)s
            AND rf.feature_id = f.id AND rp.subscription_id = s.id
    ), '[]')
)::text ELSE '' END
"""
_IS_CAPPED = """
EXISTS (SELECT FROM billing_spendcap sc WHERE sc.action <> 'notify'
    AND (sc.subscription_id = s.id OR sc.customer_id = cu.id AND sc.currency = s.currency))
"""
_COLUMNS = f"""
SELECT cu.id AS customer_id, f.id AS feature_id, f.when_unreachable, s.id AS subscription_id, s.seller_id,
       {_RESERVED} AS reserved_json, {_WALLET_FUNDS} AS wallet_funds_json, {_IS_CAPPED} AS is_capped,
       {METERING_COLUMNS}, pf.id AS plan_feature_id, c.window_start, c.rate_id, c.events, c.quantity, c.fingerprint,
       c.carried, pf.unlocked_by, pf.unlocked_with, pf.unlocked_at, {_RECENT_USES} AS recent_uses_json
FROM customers_customer cu
"""  # noqa: S608
_PERIOD_JOINS = """
LEFT JOIN billing_period p
    ON p.subscription_id = s.id AND p.kind = 'regular' AND p.starts_at <= %(at)s AND p.ends_at > %(at)s
LEFT JOIN plans_planfeature pf ON pf.version_id = p.version_id AND pf.feature_id = f.id
LEFT JOIN billing_counter c ON c.period_id = p.id AND c.plan_feature_id = pf.id
WHERE cu.sandbox = %(sandbox)s AND cu.external_id = %(customer)s
"""
# Coverage leads to the subscription by its exclusion index; a named one counts only if the query names it.
_READ = f"""
{_COLUMNS}
LEFT JOIN plans_feature f ON f.code = %(feature)s
LEFT JOIN billing_coverage co
    ON co.customer_id = cu.id AND co.feature_id = f.id AND co.during @> %(at)s
LEFT JOIN billing_subscription s ON s.id = co.subscription_id AND (s.external_id = %(subscription)s
    OR (%(subscription)s = '' AND NOT s.named))
{_PERIOD_JOINS}
"""
_READ_ALL = f"""
{_COLUMNS}
JOIN billing_coverage co ON co.customer_id = cu.id AND co.during @> %(at)s
JOIN plans_feature f ON f.id = co.feature_id JOIN billing_subscription s ON s.id = co.subscription_id
{_PERIOD_JOINS}
ORDER BY f.code, s.id
"""


def read_feature_usage(query: FeatureQuery) -> list[FeatureUsageRow]:
    """
    Return the counters of a feature in the running period of the subscription that covers it.

    :raises UnknownCustomer: if there is no such customer.
    :raises UnknownFeature: if there is no such feature.
    """
    rows = _read_rows(query._asdict())
    if rows[0].subscription_id is not None and rows[0].version_id is None:
        # Periods are generated ahead of time. If the job hasn't run for hours, the answer must not depend on it.
        generate_customer_periods(customer_ids=[rows[0].customer_id], until=query.at + PERIOD_LEAD_TIME)
        rows = _read_rows(query._asdict())
    return rows


def read_all_feature_usage(*, customer: str, sandbox: bool, at: datetime) -> list[list[FeatureUsageRow]]:
    """
    Return the rows of every feature that a customer's subscriptions cover, grouped by feature and subscription, in
    one statement.
    """
    with prepared_statements.cursor() as cursor:
        cursor.row_factory = kwargs_row(FeatureUsageRow)
        cursor.execute(_READ_ALL, {"customer": customer, "sandbox": sandbox, "at": at}, binary=True)
        rows = cursor.fetchall()
    return [list(group) for _, group in groupby(rows, key=lambda row: (row.feature_id, row.subscription_id))]


def is_paused(subscription_id: int, at: datetime) -> bool:
    """Return whether a subscription without a period at a time is paused then."""
    pauses = Pause.objects.filter(subscription=subscription_id, starts_at__lte=at).exclude(state="revoked")
    return pauses.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at)).exists()


def _read_rows(parameters: dict[str, Any]) -> list[FeatureUsageRow]:
    with prepared_statements.cursor() as cursor:
        cursor.row_factory = kwargs_row(FeatureUsageRow)
        cursor.execute(_READ, parameters, binary=True)
        rows: list[FeatureUsageRow] = cursor.fetchall()
    if not rows:
        raise UnknownCustomer(parameters["customer"])
    if rows[0].feature_id is None:
        raise UnknownFeature(parameters["feature"])
    # Several subscriptions may cover a feature, an unnamed one and named ones; only the one in the query counts.
    return [row for row in rows if row.subscription_id is not None] or rows[:1]
