"""
Coupons on an invoice: which apply, in which order, and how much each takes off which line.

A coupon's invoices follow from the periods alone: the first N of a subscription that end while it is redeemed, or all
of a customer's in its first N coupon periods. The amount left of a customer's fixed coupon follows from its lines. No
counter is decreased, so a close that is killed and repeated gives the same discounts. docs/closing.md#coupons.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from billing.closing.records import CouponLineDraft, InvoiceCoupon
from billing.subscriptions.periods.boundaries import TICK
from invoices.amounts.totals import TaxedAmount, Taxes, total_up
from invoices.documents.drafts import Draft, DraftLine, DraftShare
from lib import prepared_statements
from lib.decimals import EXACT, ZERO, to_plain_string
from lib.money import round_money
from plans.pricing.coupon_periods import coupon_period_number
from plans.pricing.discounts import AppliedDiscount, DiscountableLine, DiscountTerms, apply_discounts

ONE = Decimal(1)

# A trial's invoice counts for coupons if it replaces an opening invoice, which bills fees.
_COUNTS_FOR_COUPONS = """(NOT {0}.is_trial OR EXISTS (
    SELECT FROM billing_subscription s JOIN plans_fee f ON f.version_id = {0}.version_id AND f.billed = 'advance'
    WHERE s.id = {0}.subscription_id AND s.trial_ends_at = {0}.ends_at))"""

_IS_SHARED = "r.customer_id IS NOT NULL AND c.amount IS NOT NULL"

# Coupons of the period's subscription and of its customer, in two branches so that each uses its index.
APPLICABLE_COUPONS = f"""
SELECT p.id AS period_id, p.starts_at, p.ends_at, r.id AS redemption_id, r.since, r.time_zone,
    c.code, c.name, c.percent, c.amount, c.features, c.fees, c.period_months, c.carries_over,
    CASE c.duration WHEN 'once' THEN 1 WHEN 'periods' THEN c.periods END AS most
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN plans_planversion v ON v.id = p.version_id JOIN plans_plan l ON l.id = v.plan_id
CROSS JOIN LATERAL (
    SELECT * FROM billing_redemption WHERE subscription_id = s.id
    UNION ALL SELECT * FROM billing_redemption WHERE customer_id = s.customer_id
) r
JOIN plans_coupon c ON c.id = r.coupon_id AND c.currency IN ('', s.currency)
    AND (cardinality(c.plans) = 0 OR l.code = ANY(c.plans))
WHERE {{periods}} AND p.ends_at >= r.since AND (r.ended_at IS NULL OR p.ends_at < r.ended_at)
    AND {_COUNTS_FOR_COUPONS.format("p")}
    AND (r.customer_id IS NOT NULL OR c.duration = 'forever' OR coalesce(c.periods, 1) > (
        SELECT count(*) FROM billing_period e
        JOIN plans_planversion w ON w.id = e.version_id JOIN plans_plan m ON m.id = w.plan_id
        WHERE e.subscription_id = p.subscription_id AND e.ends_at >= r.since
            AND e.kind <> 'undone' AND {_COUNTS_FOR_COUPONS.format("e")}
            AND (cardinality(c.plans) = 0 OR m.code = ANY(c.plans))
            AND (e.starts_at, e.ends_at, e.id) < (p.starts_at, p.ends_at, p.id)))
ORDER BY p.id, r.position, r.id
"""  # noqa: S608
"""
Period → the coupons of its invoice, in order of application, with a customer's coupons whose coupon periods may be
over; {periods}: the condition that selects the periods.
"""


def read_coupons(period_ids: Sequence[int], *, shared_only: bool = False) -> dict[int, tuple[InvoiceCoupon, ...]]:
    """
    Return period → the coupons of its invoice, in order of application; periods without any are left out.

    The amounts left of customers' fixed coupons are not filled in: see `customer_coupons.TakenAmounts`.

    shared_only: return only those.
    """
    coupons: dict[int, tuple[InvoiceCoupon, ...]] = {}
    condition = "p.id = ANY(%s)" + (f" AND {_IS_SHARED}" if shared_only else "")
    with prepared_statements.named_cursor() as cursor:
        cursor.execute(APPLICABLE_COUPONS.format(periods=condition), [list(period_ids)], binary=True)
        for row in cursor.fetchall():
            if (coupon := coupon_from_row(row)) is not None:
                coupons[row.period_id] = (*coupons.get(row.period_id, ()), coupon)
    return coupons


def coupon_from_row(row: Any) -> InvoiceCoupon | None:
    """Return a coupon from a row of `APPLICABLE_COUPONS`; None if a customer's coupon periods are over."""
    scope = [*(f"feature:{code}" for code in row.features), *(f"fee:{code}" for code in row.fees)]
    coupon = InvoiceCoupon(row.redemption_id, row.code, row.name, row.percent, row.amount, frozenset(scope))
    if not row.time_zone:
        return coupon
    # The last instant of the period: an end at midnight of the 1st belongs to the month before. An opening period has
    # no instant of its own but its start.
    last_instant = max(row.ends_at - TICK, row.starts_at, row.since)
    number = coupon_period_number(last_instant, since=row.since, months=row.period_months, time_zone=row.time_zone)
    if row.most is not None and number >= row.most:
        return None
    return coupon._replace(coupon_period=number, carries_over=row.carries_over)


def add_coupon_lines(draft: Draft, coupons: Sequence[InvoiceCoupon], period_id: int) -> list[CouponLineDraft]:
    """
    Add the discounts of these coupons to the draft of a period, and return the new lines.

    One line per coupon and tax, after all other lines, so that tax is due on the discounted amount.
    """
    if not coupons:
        return []
    lines = list(draft.lines)
    coupon_lines = []
    for coupon, discount in zip(
        coupons, calculate_discounts(coupons, lines, draft.currency, includes_tax=draft.includes_tax), strict=True
    ):
        for line, shares in _coupon_lines(draft, coupon, discount, lines):
            draft.lines.append(line)
            draft.shares += shares
            coupon_lines.append(CouponLineDraft(line, coupon.redemption_id, period_id, coupon.coupon_period))
    draft.total_up()
    return coupon_lines


def calculate_discounts(
    coupons: Iterable[InvoiceCoupon], lines: Sequence[DraftLine], currency: str, *, includes_tax: bool = False
) -> tuple[AppliedDiscount, ...]:
    """Return the discount of each coupon on these lines, in the order of application."""
    discounts = [
        DiscountTerms(
            percent=coupon.percent,
            amount=coupon.left if coupon.is_shared else coupon.amount,
            scope=frozenset(n for n, line in enumerate(lines) if line.subject in coupon.scope)
            if coupon.scope
            else None,
        )
        for coupon in coupons
    ]

    # The total must not become negative. Tax is rounded, so the sum of the lines is not enough to decide.
    def fits(amounts: Sequence[Decimal]) -> bool:
        taxed: list[TaxedAmount] = [(amount, *line.taxes) for amount, line in zip(amounts, lines, strict=True)]
        return total_up(taxed, currency, includes_tax=includes_tax).total >= 0

    discountable_lines = [DiscountableLine(number, line.amount) for number, line in enumerate(lines)]
    return apply_discounts(discounts, discountable_lines, currency, is_allowed=fits)


def _coupon_lines(
    draft: Draft, coupon_terms: InvoiceCoupon, discount: AppliedDiscount, lines: Sequence[DraftLine]
) -> Iterator[tuple[DraftLine, list[DraftShare]]]:
    by_tax: dict[Taxes, list[tuple[DraftLine, Decimal]]] = {}
    for line, share in zip(lines, discount.shares, strict=True):
        if share:
            by_tax.setdefault(line.taxes, []).append((line, share))
    for taxes, shares in by_tax.items():
        total = sum((share for _, share in shares), ZERO)
        coupon_line = _coupon_line(draft, coupon_terms, discount, EXACT.minus(total), taxes)
        yield coupon_line, [DraftShare(coupon_line, line, share) for line, share in shares]


def _coupon_line(
    draft: Draft, coupon: InvoiceCoupon, discount: AppliedDiscount, amount: Decimal, taxes: Taxes
) -> DraftLine:
    return DraftLine(
        kind="coupon",
        description=f"{coupon.name} ({coupon.code})",
        service_start=draft.period_start,
        service_end=draft.period_end,
        quantity=ONE,
        unit="",
        amount=amount,
        taxes=taxes,
        explanation=coupon_workings(coupon, discount, draft.currency),
    )


def coupon_workings(coupon: InvoiceCoupon, discount: AppliedDiscount, currency: str) -> bytes:
    """Return the workings of a discount as JSON: its base and its formula."""
    base, total = (f"{round_money(amount, currency):f}" for amount in (discount.base, discount.total))
    if coupon.percent is not None:
        terms = {"percent": to_plain_string(coupon.percent)}
        formula = f"{to_plain_string(coupon.percent)}% of {base}"
    else:
        figure = f"{round_money(coupon.amount or ZERO, currency):f}"
        terms, formula = {"amount": figure}, f"{figure} off {base}"
        if coupon.left is not None:
            left = f"{round_money(coupon.left, currency):f}"
            terms, formula = {**terms, "left": left}, f"{left} left of {figure}, off {base}"
    return msgspec.json.encode({"coupon": coupon.code, **terms, "of": base, "taken": total, "formula": formula})
