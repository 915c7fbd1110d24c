"""A seller's revenue from prepaid value that is never used, by month."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.breakage import BreakagePolicy, LotMonth, breakage_by_month

# Use and expiry have columns of their own; all other movements change the basis: grants, or units that left unused.
_LOT_MONTHS = """
SELECT w.currency, e.lot_id, to_char(t.at AT TIME ZONE %(zone)s, 'YYYY-MM'),
    coalesce(sum(e.money) FILTER (WHERE t.kind NOT IN ('spend', 'give_back', 'repay', 'expire', 'revive')), 0),
    coalesce(-sum(e.money) FILTER (WHERE t.kind IN ('spend', 'give_back', 'repay')), 0),
    coalesce(-sum(e.money) FILTER (WHERE t.kind IN ('expire', 'revive')), 0)
FROM wallets_lot l JOIN wallets_wallet w ON w.id = l.wallet_id AND w.seller_id = %(seller)s
JOIN customers_customer c ON c.id = w.customer_id AND NOT c.sandbox
JOIN wallets_entry e ON e.lot_id = l.id JOIN wallets_transaction t ON t.id = e.transaction_id
WHERE l.cost > 0
GROUP BY 1, 2, 3 ORDER BY 2, 3
"""


COLUMNS = ("month", "currency", "granted", "used", "expired", "recognized", "deferred")


@dataclass(slots=True)
class Month:
    """
    Costs of one month, in one currency.

    granted: grants, less units that left unused. used: spends. expired: moved to breakage.
    recognized: breakage that is revenue by the seller's policy; deferred: not yet revenue at the month's end.
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
    Return the months in which paid value moved, by currency and in order; in the seller's time zone.

    The seller's current policy and rate apply: changing them restates earlier months.
    """
    policy, expected = BreakagePolicy(seller.breakage), seller.breakage_percent / 100
    months: dict[tuple[str, str], Month] = {}
    stored_rows = sql.fetch_rows(_LOT_MONTHS, {"seller": seller.pk, "zone": seller.time_zone})
    for (currency, _), rows in groupby(stored_rows, key=itemgetter(0, 1)):
        lot_months = [LotMonth(*row[2:]) for row in rows]
        breakage = breakage_by_month(lot_months, policy=policy, expected=expected)
        for lot_month, (_, recognized) in zip(lot_months, breakage, strict=True):
            month = months.setdefault((currency, lot_month.month), Month(lot_month.month, currency))
            month.granted = EXACT.add(month.granted, lot_month.basis)
            month.used = EXACT.add(month.used, lot_month.used)
            month.expired = EXACT.add(month.expired, lot_month.expired)
            month.recognized = EXACT.add(month.recognized, recognized)
    ordered_months = [months[key] for key in sorted(months)]
    _defer(ordered_months)
    return ordered_months


def _defer(months: list[Month]) -> None:
    """Set the deferred amount at each month's end: grants less use and recognized breakage."""
    deferred_by_currency: dict[str, Decimal] = {}
    for month in months:
        earned = EXACT.add(month.used, month.recognized)
        deferred_by_currency[month.currency] = EXACT.add(
            deferred_by_currency.get(month.currency, ZERO), EXACT.subtract(month.granted, earned)
        )
        month.deferred = deferred_by_currency[month.currency]
