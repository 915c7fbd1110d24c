"""
Coupons on a document: which of them, in which order, and what each takes off which line.

Which documents a coupon is for follows from the periods alone: the first so many that end while it is held. So
nothing is counted down, and a close that is killed and tried again finds the same. docs/closing.md#coupons.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from billing.closing.records import InvoiceCoupon, PeriodToClose
from invoices.documents.drafts import Draft, DraftLine, DraftShare
from invoices.documents.totals import Taxes, total_up
from lib import prepared_statements
from lib.decimals import EXACT, ZERO, to_plain_string
from lib.money import round_money
from plans.pricing.discounts import AppliedDiscount, DiscountableLine, DiscountTerms, apply_discounts

ONE = Decimal(1)

# A trial's document is one of those that coupons count where it is in place of an opening one, which claims fees.
_COUNTS_FOR_COUPONS = """(NOT {0}.is_trial OR EXISTS (
    SELECT FROM billing_subscription s JOIN plans_fee f ON f.version_id = {0}.version_id AND f.billed = 'advance'
    WHERE s.id = {0}.subscription_id AND s.trial_ends_at = {0}.ends_at))"""

APPLICABLE_COUPONS = f"""
SELECT p.id, r.id, c.code, c.name, c.percent, c.amount, c.features, c.fees
FROM billing_redemption r JOIN plans_coupon c ON c.id = r.coupon_id
JOIN billing_period p ON p.subscription_id = r.subscription_id AND p.ends_at >= r.since
    AND (r.ended_at IS NULL OR p.ends_at < r.ended_at)
WHERE {{periods}} AND {_COUNTS_FOR_COUPONS.format("p")} AND (c.duration = 'forever' OR coalesce(c.periods, 1) > (
    SELECT count(*) FROM billing_period e WHERE e.subscription_id = p.subscription_id AND e.ends_at >= r.since
        AND e.kind <> 'undone' AND {_COUNTS_FOR_COUPONS.format("e")}
        AND (e.starts_at, e.ends_at, e.id) < (p.starts_at, p.ends_at, p.id)))
ORDER BY p.id, r.position
"""  # noqa: S608
"""Period → the coupons that its document is for, in order of application; {periods}: which ones to ask about."""


def attach_coupons(closings: Mapping[int, PeriodToClose]) -> None:
    """Give the closings the coupons that their documents are for, in one statement."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(APPLICABLE_COUPONS.format(periods="p.id = ANY(%s)"), [list(closings)], binary=True)
        for period_id, *row in cursor.fetchall():
            closings[period_id].coupons = (*closings[period_id].coupons, coupon_from_row(row))


def coupon_from_row(row: Sequence[Any]) -> InvoiceCoupon:
    """Return a coupon from what `HELD` reads of it, without its period."""
    *coupon, features, fees = row
    return InvoiceCoupon(
        *coupon, frozenset([*(f"feature:{one}" for one in features), *(f"fee:{one}" for one in fees)])
    )


def add_coupon_lines(draft: Draft, coupons: Sequence[InvoiceCoupon]) -> list[tuple[DraftLine, int]]:
    """
    Add to a draft what these coupons take off it, and return each new line with its redemption.

    A line for each coupon and tax, after all others, so that tax is due on what is left.
    """
    if not coupons:
        return []
    lines = list(draft.lines)
    found = []
    for held, taken in zip(
        coupons, calculate_discounts(coupons, lines, draft.currency, includes_tax=draft.includes_tax), strict=True
    ):
        for line, shares in _coupon_lines(draft, held, taken, lines):
            draft.lines.append(line)
            draft.shares += shares
            found.append((line, held.redemption_id))
    draft.total_up()
    return found


def calculate_discounts(
    coupons: Iterable[InvoiceCoupon], lines: Sequence[DraftLine], currency: str, *, includes_tax: bool = False
) -> tuple[AppliedDiscount, ...]:
    """Return what each coupon takes off these lines, in the order of application."""
    discounts = [
        DiscountTerms(
            percent=held.percent,
            amount=held.amount,
            scope=frozenset(n for n, line in enumerate(lines) if line.subject in held.scope) if held.scope else None,
        )
        for held in coupons
    ]

    def fits(amounts: Sequence[Decimal]) -> bool:
        taxed = [(amount, *line.taxes) for amount, line in zip(amounts, lines, strict=True)]
        return total_up(taxed, currency, includes_tax=includes_tax).total >= 0

    claims = [DiscountableLine(number, line.amount) for number, line in enumerate(lines)]
    return apply_discounts(discounts, claims, currency, is_allowed=fits)


def _coupon_lines(
    draft: Draft, held: InvoiceCoupon, taken: AppliedDiscount, lines: Sequence[DraftLine]
) -> Iterator[tuple[DraftLine, list[DraftShare]]]:
    by_tax: dict[Taxes, list[tuple[DraftLine, Decimal]]] = {}
    for line, share in zip(lines, taken.shares, strict=True):
        if share:
            by_tax.setdefault(line.taxes, []).append((line, share))
    for taxes, shares in by_tax.items():
        total = sum((share for _, share in shares), ZERO)
        coupon = _coupon_line(draft, held, taken, EXACT.minus(total), taxes)
        yield coupon, [DraftShare(coupon, line, share) for line, share in shares]


def _coupon_line(
    draft: Draft, held: InvoiceCoupon, taken: AppliedDiscount, amount: Decimal, taxes: Taxes
) -> DraftLine:
    return DraftLine(
        kind="coupon",
        description=f"{held.name} ({held.code})",
        service_start=draft.period_start,
        service_end=draft.period_end,
        quantity=ONE,
        unit="",
        amount=amount,
        taxes=taxes,
        explanation=coupon_workings(held, taken, draft.currency),
    )


def coupon_workings(held: InvoiceCoupon, taken: AppliedDiscount, currency: str) -> bytes:
    """Return how a coupon came to what it takes off: of how much, and as a formula."""
    base, total = (f"{round_money(amount, currency):f}" for amount in (taken.base, taken.total))
    if held.percent is not None:
        what = {"percent": to_plain_string(held.percent)}
        formula = f"{to_plain_string(held.percent)} % of {base}"
    else:
        figure = f"{round_money(held.amount or ZERO, currency):f}"
        what, formula = {"amount": figure}, f"{figure} off {base}"
    return msgspec.json.encode({"coupon": held.code, **what, "of": base, "taken": total, "formula": formula})
