"""
Check coupons: compute the discounts again from the lines of the invoices.

The amount that was left of a customer's coupon for an invoice follows from the lines of earlier invoices, which have
smaller ids: the lock on the coupon is held from before the amounts are read until the lines are written.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.lines.coupon_discounts import APPLICABLE_COUPONS, add_coupon_lines, coupon_from_row
from billing.closing.lines.customer_coupons import TakenAmounts
from billing.closing.records import InvoiceCoupon
from invoices.amounts.line_taxes import line_taxes_sql, parse_taxes
from invoices.documents.drafts import Draft, DraftLine
from lib import prepared_statements

_LINES = f"""
SELECT i.id, i.currency, p.id, l.id, l.kind, l.description, l.amount, {line_taxes_sql("l")}::text,
    l.explanation::text,
    l.service_start, l.service_end,
    coalesce('fee:' || f.code, 'feature:' || t.code, ''),
    c.redemption_id, c.period_id, c.coupon_period,
    (SELECT json_agg(json_build_array(d.line_id, d.amount::text, d.invoice_id) ORDER BY d.line_id)
        FROM invoices_discount d WHERE d.coupon_line_id = l.id),
    i.includes_tax
FROM invoices_invoice i JOIN invoices_line l ON l.invoice_id = i.id
LEFT JOIN invoices_section z ON z.invoice_id = i.id AND l.position BETWEEN z.first_line AND z.last_line
LEFT JOIN billing_period p ON coalesce(z.reference, i.reference) = 'period:' || p.id
LEFT JOIN billing_couponline c ON c.line_id = l.id
LEFT JOIN plans_fee f ON f.id = l.fee_id
LEFT JOIN plans_planfeature g ON g.id = l.plan_feature_id LEFT JOIN plans_feature t ON t.id = g.feature_id
WHERE p.id = ANY(%s) OR EXISTS (SELECT FROM invoices_discount d WHERE d.invoice_id = i.id)
    OR EXISTS (SELECT FROM invoices_line o WHERE o.invoice_id = i.id AND o.kind = 'coupon')
ORDER BY i.id, l.position
"""  # noqa: S608


_TAKEN = """
SELECT c.redemption_id, c.coupon_period, c.line_id, -l.amount, p.kind = 'undone' FROM billing_couponline c
JOIN invoices_line l ON l.id = c.line_id JOIN billing_period p ON p.id = c.period_id
WHERE c.coupon_period IS NOT NULL ORDER BY c.line_id
"""


class TakenLine(NamedTuple):
    """A line that took from a customer's coupon. is_undone: whether its period was undone later."""

    coupon_period: int
    line_id: int
    amount: Decimal
    is_undone: bool


TakenLines = Mapping[int, Sequence[TakenLine]]
"""Redemption → its lines, in the order of issue."""


def wrong_coupons(books: Books) -> Iterator[Row]:
    """Yield invoices whose coupon lines differ in amount, or in the lines that they discount."""
    coupons_by_period, taken_lines = _read_coupons(), _read_taken_lines()
    with ServerCursor(connection.connection, "audit_coupons") as cursor:
        cursor.execute(_LINES, [list(coupons_by_period)])
        for (invoice_id, _, period_id), rows in groupby(cursor, key=lambda row: row[:3]):
            lines = list(rows)
            stored = [_stored(row) for row in lines if row[4] == "coupon"]
            expected = _recompute(coupons_by_period.get(period_id, ()), lines, period_id, taken_lines)
            if stored != expected:
                # Periods that are undone today had taken their amounts until then.
                coupons = coupons_by_period.get(period_id, ())
                before = _recompute(coupons, lines, period_id, taken_lines, counts_undone=True)
                expected = before if stored == before else expected
            for stored_line, expected_line in zip(stored, expected, strict=False):
                if stored_line != expected_line:
                    yield {"invoice_id": invoice_id, "stored": stored_line, "again": expected_line}
            if len(stored) != len(expected):
                yield {"invoice_id": invoice_id, "coupons": len(stored), "again": len(expected)}


def _read_coupons() -> dict[int, list[InvoiceCoupon]]:
    coupons_by_period: dict[int, list[InvoiceCoupon]] = {}
    with prepared_statements.named_cursor() as cursor:
        cursor.execute(APPLICABLE_COUPONS.format(periods="p.state = 'closed'"))
        for row in cursor.fetchall():
            if (coupon := coupon_from_row(row)) is not None:
                coupons_by_period.setdefault(row.period_id, []).append(coupon)
    return coupons_by_period


def _read_taken_lines() -> TakenLines:
    taken_lines: dict[int, list[TakenLine]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN)
        for redemption_id, *facts in cursor.fetchall():
            taken_lines.setdefault(redemption_id, []).append(TakenLine(*facts))
    return taken_lines


def _taken_before(line_id: int, taken_lines: TakenLines, *, counts_undone: bool) -> TakenAmounts:
    """Return the amounts that invoices had taken before the one whose first line has this id."""
    taken = TakenAmounts({})
    for redemption_id, lines in taken_lines.items():
        amounts = taken.by_redemption.setdefault(redemption_id, {})
        for line in lines:
            if line.line_id < line_id and (counts_undone or not line.is_undone):
                amounts[line.coupon_period] = amounts.get(line.coupon_period, Decimal(0)) + line.amount
    return taken


def _stored(row: Sequence[Any]) -> dict[str, Any]:
    """Return the content of a coupon line in comparable form."""
    _, _, _, _, _, _, amount, taxes, explanation, _, _, _, redemption_id, period_id, coupon_period, shares, _ = row
    return {
        "amount": amount,
        "taxes": parse_taxes(taxes),
        "explanation": json.loads(explanation),
        "redemption": redemption_id,
        "period": period_id,
        "coupon_period": coupon_period,
        "shares": [(line_id, Decimal(share), invoice_id) for line_id, share, invoice_id in shares or ()],
    }


def _recompute(
    coupons: Sequence[InvoiceCoupon],
    rows: Sequence[Any],
    period_id: int,
    taken_lines: TakenLines,
    *,
    counts_undone: bool = False,
) -> list[dict[str, Any]]:
    """Return the expected coupon lines in the same form, from the coupons in force and the invoice's other lines."""
    if any(coupon.is_shared for coupon in coupons):
        first_id = min(row[3] for row in rows)
        coupons = _taken_before(first_id, taken_lines, counts_undone=counts_undone).with_amounts_left(coupons)
    invoice_id, currency = rows[0][:2]
    draft = Draft(
        reference="",
        seller_id=0,
        customer_id=0,
        sandbox=False,
        currency=currency,
        period_start=rows[0][9],
        period_end=rows[0][10],
        seller_facts=b"",
        buyer_facts=b"",
        seller_zone="",
        net_days=0,
        includes_tax=rows[0][-1],
    )
    draft.lines = [_line(row) for row in rows if row[4] != "coupon"]
    return [
        {
            "amount": line.amount,
            "taxes": line.taxes,
            "explanation": msgspec.json.decode(line.explanation),
            "redemption": redemption_id,
            "period": period_id,
            "coupon_period": coupon_period,
            "shares": sorted(
                (share.line.id, share.amount, invoice_id) for share in draft.shares if share.coupon is line
            ),
        }
        for line, redemption_id, _, coupon_period in add_coupon_lines(draft, coupons, period_id)
    ]


def _line(row: Sequence[Any]) -> DraftLine:
    _, _, _, line_id, kind, description, amount, taxes, _, start, end, subject, *_ = row
    line_taxes = parse_taxes(taxes)
    return DraftLine(
        kind, description, start, end, Decimal(1), "", amount, line_taxes, b"", subject=subject, id=line_id
    )
