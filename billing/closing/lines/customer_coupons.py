"""
Fixed coupons that the invoices of a customer share: their locks, and the amounts that each invoice may take.

The amounts follow from the stored lines; there is no counter. docs/closing.md#coupons-of-a-customer.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from billing.closing.lines.coupon_discounts import read_coupons
from billing.closing.records import CouponLineDraft, InvoiceCoupon
from lib import sql
from lib.decimals import EXACT, ZERO
from plans.pricing.coupon_periods import amount_left

# NO KEY UPDATE excludes other closes that take from the coupon, and admits the foreign keys of coupon lines.
_LOCK = "SELECT id FROM billing_redemption WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"

# The lines of an undone period were credited in full, so its amounts are available again.
_TAKEN = """
SELECT c.redemption_id, c.coupon_period, -sum(l.amount) FROM billing_couponline c
JOIN invoices_line l ON l.id = c.line_id JOIN billing_period p ON p.id = c.period_id AND p.kind <> 'undone'
WHERE c.redemption_id = ANY(%s) AND c.coupon_period IS NOT NULL GROUP BY 1, 2
"""

_TAKEN_BY_PERIOD = """
SELECT c.period_id, c.redemption_id, -sum(l.amount) FROM billing_couponline c JOIN invoices_line l ON l.id = c.line_id
WHERE c.period_id = ANY(%s) AND c.coupon_period IS NOT NULL GROUP BY 1, 2
"""


def lock_shared_coupons(period_ids: Sequence[int], *, waits: bool) -> set[int]:
    """
    Lock the fixed coupons that the invoices of these locked periods share with others of their customers.

    Return the periods whose coupons another transaction holds; none if this one `waits` for them.
    """
    coupons_by_period = read_coupons(period_ids, shared_only=True)
    redemption_ids = {coupon.redemption_id for coupons in coupons_by_period.values() for coupon in coupons}
    if not redemption_ids:
        return set()
    # SKIP LOCKED: a chunk never waits while it holds periods, so that ingest is not held up by other closes.
    locked_ids = set(sql.fetch_column(_LOCK if waits else f"{_LOCK} SKIP LOCKED", [sorted(redemption_ids)]))
    return {
        period_id
        for period_id, coupons in coupons_by_period.items()
        if any(coupon.redemption_id not in locked_ids for coupon in coupons)
    }


class TakenAmounts(NamedTuple):
    """Redemption → number of a coupon period → the amount that invoices have taken of a customer's fixed coupon."""

    by_redemption: dict[int, dict[int, Decimal]]

    def with_amounts_left(self, coupons: Iterable[InvoiceCoupon]) -> tuple[InvoiceCoupon, ...]:
        """Return the coupons of an invoice with the amounts that are left for it."""
        return tuple(
            coupon._replace(
                left=amount_left(
                    coupon.amount,
                    coupon.coupon_period,
                    self.by_redemption.get(coupon.redemption_id, {}),
                    carries_over=coupon.carries_over,
                )
            )
            if coupon.amount is not None and coupon.coupon_period is not None
            else coupon
            for coupon in coupons
        )

    def add(self, coupon_lines: Iterable[CouponLineDraft]) -> None:
        """Add the amounts of an invoice that is issued later in this transaction."""
        for line, redemption_id, _, coupon_period in coupon_lines:
            if coupon_period is not None:
                taken = self.by_redemption.setdefault(redemption_id, {})
                taken[coupon_period] = EXACT.subtract(taken.get(coupon_period, ZERO), line.amount)


def read_taken_amounts(coupons_by_period: Mapping[int, Sequence[InvoiceCoupon]]) -> TakenAmounts:
    """Return the amounts that issued invoices have taken of the fixed coupons among these."""
    redemption_ids = {
        coupon.redemption_id for coupons in coupons_by_period.values() for coupon in coupons if coupon.is_shared
    }
    taken = TakenAmounts({})
    if redemption_ids:
        for redemption_id, coupon_period, amount in sql.fetch_rows(_TAKEN, [sorted(redemption_ids)]):
            taken.by_redemption.setdefault(redemption_id, {})[coupon_period] = amount
    return taken


def read_coupons_as_billed(
    period_ids: Sequence[int], *, closed_ids: set[int]
) -> dict[int, tuple[InvoiceCoupon, ...]]:
    """
    Return period → its coupons, for a simulation.

    Of a customer's fixed coupon, a closed period may take the amount that its invoice took, so that the periods
    together never take more than the coupon has; an open one the amount that is left now.
    """
    coupons_by_period = read_coupons(period_ids)
    taken = read_taken_amounts(coupons_by_period)
    as_billed = {
        (period_id, redemption_id): amount
        for period_id, redemption_id, amount in sql.fetch_rows(_TAKEN_BY_PERIOD, [list(closed_ids)])
    }
    return {
        period_id: tuple(
            coupon._replace(left=as_billed.get((period_id, coupon.redemption_id), ZERO))
            if coupon.is_shared and period_id in closed_ids
            else coupon
            for coupon in taken.with_amounts_left(coupons)
        )
        for period_id, coupons in coupons_by_period.items()
    }
