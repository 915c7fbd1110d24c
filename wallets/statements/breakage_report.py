"""What a seller earns of prepaid value that is never used, month by month."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection

from customers.models import Seller
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.breakage import BreakagePolicy, LotMonth, breakage_by_month

# What use took, and what expired; all else moves the basis: it came in, or went out unused.
_MOVED = """
SELECT w.currency, e.lot_id, to_char(t.at AT TIME ZONE %(zone)s, 'YYYY-MM'),
    coalesce(sum(e.money) FILTER (WHERE t.kind NOT IN ('spend', 'give_back', 'repay', 'expire', 'revive')), 0),
    coalesce(-sum(e.money) FILTER (WHERE t.kind IN ('spend', 'give_back', 'repay')), 0),
    coalesce(-sum(e.money) FILTER (WHERE t.kind IN ('expire', 'revive')), 0)
FROM wallets_lot l JOIN wallets_wallet w ON w.id = l.wallet_id
JOIN customers_customer c ON c.id = w.customer_id AND c.seller_id = %(seller)s AND NOT c.sandbox
JOIN wallets_entry e ON e.lot_id = l.id JOIN wallets_transaction t ON t.id = e.transaction_id
WHERE l.cost > 0
GROUP BY 1, 2, 3 ORDER BY 2, 3
"""


COLUMNS = ("month", "currency", "granted", "used", "expired", "recognized", "deferred")


@dataclass(slots=True)
class Month:
    """
    Costs of one month, in one currency.

    granted: what came in, less what went out unused. used: what use took. expired: what went to breakage.
    recognized: the breakage that is revenue by the seller's policy; deferred: what is not revenue at the month's end.
    """

    month: str
    currency: str
    granted: Decimal = ZERO
    used: Decimal = ZERO
    expired: Decimal = ZERO
    recognized: Decimal = ZERO
    deferred: Decimal = ZERO


def breakage_of(seller: Seller) -> list[Month]:
    """
    Return the months in which paid value moved, by currency and in order; those of the seller's own clock.

    The policy and the rate are the seller's of now: a change of them restates the months before.
    """
    rules = {"policy": BreakagePolicy(seller.breakage), "expected": seller.breakage_percent / 100}
    months: dict[tuple[str, str], Month] = {}
    for (currency, _), rows in groupby(_rows(seller), key=itemgetter(0, 1)):
        moved = [LotMonth(*row[2:]) for row in rows]
        for one, (_, recognized) in zip(moved, breakage_by_month(moved, **rules), strict=True):
            month = months.setdefault((currency, one.month), Month(one.month, currency))
            month.granted = EXACT.add(month.granted, one.basis)
            month.used, month.expired = EXACT.add(month.used, one.used), EXACT.add(month.expired, one.expired)
            month.recognized = EXACT.add(month.recognized, recognized)
    found = [months[key] for key in sorted(months)]
    _defer(found)
    return found


def _defer(months: list[Month]) -> None:
    """Say what is left at each month's end: what came in, less what was used and what is recognized."""
    left: dict[str, Decimal] = {}
    for one in months:
        earned = EXACT.add(one.used, one.recognized)
        left[one.currency] = EXACT.add(left.get(one.currency, ZERO), EXACT.subtract(one.granted, earned))
        one.deferred = left[one.currency]


def _rows(seller: Seller) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, {"seller": seller.pk, "zone": seller.time_zone})
        yield from cursor.fetchall()
