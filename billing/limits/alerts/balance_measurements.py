"""Readings of wallets: what is left in them, and what of it expires soon."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.limits.alerts.measurements import Reading
from billing.limits.alerts.rule_selection import Rules, Subject
from billing.limits.alerts.thresholds import due_within, fallen_below
from billing.models.alerts import Guarded
from lib import prepared_statements
from lib.decimals import ZERO

DAY = timedelta(days=1)

# What was bought last; where nothing ever was, what was given last.
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

# A lot that rolls over whole is not lost.
_EXPIRING = """
SELECT w.customer_id, w.id, w.name, w.unit, l.expires_at, sum(l.remaining)
FROM wallets_wallet w
JOIN wallets_lot l ON l.wallet_id = w.id AND l.has_left AND l.expires_at > %(at)s AND l.expires_at <= %(until)s
    AND (l.rolls_over = 0 OR l.rollover_most IS NOT NULL)
WHERE w.customer_id = ANY(%(customers)s::bigint[]) AND w.closed_at IS NULL
GROUP BY 1, 2, 3, 4, 5
"""


def readings(rules: Rules, sellers: Mapping[int, int], *, at: datetime) -> Iterator[Reading]:
    """Yield what customers' wallets hold; sellers: customer → seller."""
    if rules.of_kinds([Guarded.LOW_BALANCE]):
        yield from _low(rules, sellers)
    if rules.of_kinds([Guarded.EXPIRING]):
        yield from _expiring(rules, sellers, at)


def _low(rules: Rules, sellers: Mapping[int, int]) -> Iterator[Reading]:
    with prepared_statements.cursor() as cursor:
        cursor.execute(_BALANCES, [list(sellers)])
        rows = cursor.fetchall()
    for customer_id, wallet_id, name, unit, balance, granted, granted_at in rows:
        of = Subject(customer_id, wallet_id=wallet_id)
        for rule in rules.holding(Guarded.LOW_BALANCE, of, seller_id=sellers[customer_id]):
            limit = granted if rule.amount is None else rule.amount
            yield Reading(
                rule,
                of,
                balance,
                limit,
                unit,
                fallen_below(balance, limit=limit, levels=rule.levels),
                granted_at,
                is_agreed=rule.amount is not None,
                wallet=name,
            )


def _expiring(rules: Rules, sellers: Mapping[int, int], at: datetime) -> Iterator[Reading]:
    asked = {"customers": list(sellers), "at": at, "until": at + rules.longest(Guarded.EXPIRING) * DAY}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_EXPIRING, asked)
        rows: list[tuple[int, int, str, str, datetime, Decimal]] = cursor.fetchall()
    for customer_id, wallet_id, name, unit, expires_at, units in rows:
        of = Subject(customer_id, wallet_id=wallet_id)
        left = Fraction((expires_at - at) // timedelta(microseconds=1), DAY // timedelta(microseconds=1))
        for rule in rules.holding(Guarded.EXPIRING, of, seller_id=sellers[customer_id]):
            yield Reading(
                rule,
                of,
                max(units, ZERO),
                None,
                unit,
                due_within(left, levels=rule.levels),
                expires_at,
                expires_at,
                wallet=name,
            )
