"""Measurements of wallets: the remaining balance, and the part of it that expires soon."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.limits.alerts.measurements import Measurement
from billing.limits.alerts.rule_selection import AlertTarget, RuleBook
from billing.limits.alerts.thresholds import levels_due_within, levels_undercut
from billing.models.alerts import AlertKind
from lib import prepared_statements
from lib.decimals import ZERO

DAY = timedelta(days=1)

# Each wallet with the amount of its latest purchase; without any purchase, of its latest grant.
_BALANCES = """
SELECT w.customer_id, w.id, w.name, w.unit, w.balance, base.amount, base.granted_at
FROM wallets_wallet w
JOIN LATERAL (
    SELECT l.granted_at, sum(l.amount) AS amount
    FROM wallets_lot l WHERE l.wallet_id = w.id AND l.kind NOT IN ('rollover', 'refund')
    GROUP BY l.granted_at ORDER BY bool_or(l.kind = 'purchased') DESC, l.granted_at DESC LIMIT 1
) base ON true
WHERE w.customer_id = ANY(%s::bigint[]) AND w.closed_at IS NULL
"""

# A lot that rolls over completely is left out, because nothing of it is lost.
_EXPIRING = """
SELECT w.customer_id, w.id, w.name, w.unit, l.expires_at, sum(l.remaining)
FROM wallets_wallet w
JOIN wallets_lot l ON l.wallet_id = w.id AND l.has_left AND l.expires_at > %(at)s AND l.expires_at <= %(until)s
    AND (l.rolls_over = 0 OR l.rollover_most IS NOT NULL)
WHERE w.customer_id = ANY(%(customers)s::bigint[]) AND w.closed_at IS NULL
GROUP BY 1, 2, 3, 4, 5
"""


def read_measurements(rules: RuleBook, seller_ids: Mapping[int, int], *, at: datetime) -> Iterator[Measurement]:
    """Yield measurements of the customers' wallets. seller_ids: customer → seller."""
    if rules.has_active([AlertKind.LOW_BALANCE]):
        yield from _measure_low_balances(rules, seller_ids)
    if rules.has_active([AlertKind.EXPIRING]):
        yield from _measure_expiring_lots(rules, seller_ids, at)


def _measure_low_balances(rules: RuleBook, seller_ids: Mapping[int, int]) -> Iterator[Measurement]:
    with prepared_statements.cursor() as cursor:
        cursor.execute(_BALANCES, [list(seller_ids)])
        rows = cursor.fetchall()
    for customer_id, wallet_id, name, unit, balance, granted_amount, granted_at in rows:
        target = AlertTarget(customer_id, wallet_id=wallet_id)
        for rule in rules.select(AlertKind.LOW_BALANCE, target, seller_id=seller_ids[customer_id]):
            limit = granted_amount if rule.amount is None else rule.amount
            yield Measurement(
                rule,
                target,
                balance,
                limit,
                unit,
                levels_undercut(balance, limit=limit, levels=rule.levels),
                granted_at,
                has_agreed_limit=rule.amount is not None,
                wallet=name,
            )


def _measure_expiring_lots(rules: RuleBook, seller_ids: Mapping[int, int], at: datetime) -> Iterator[Measurement]:
    params = {"customers": list(seller_ids), "at": at, "until": at + rules.highest_level(AlertKind.EXPIRING) * DAY}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_EXPIRING, params)
        rows: list[tuple[int, int, str, str, datetime, Decimal]] = cursor.fetchall()
    for customer_id, wallet_id, name, unit, expires_at, units in rows:
        target = AlertTarget(customer_id, wallet_id=wallet_id)
        days_left = Fraction((expires_at - at) // timedelta(microseconds=1), DAY // timedelta(microseconds=1))
        for rule in rules.select(AlertKind.EXPIRING, target, seller_id=seller_ids[customer_id]):
            yield Measurement(
                rule,
                target,
                max(units, ZERO),
                None,
                unit,
                levels_due_within(days_left, levels=rule.levels),
                expires_at,
                expires_at,
                wallet=name,
            )
