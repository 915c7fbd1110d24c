"""Coupons, taken off anew from the lines of the documents that they are for."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import msgspec
from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.lines.coupon_discounts import HELD, discount, held_of
from billing.closing.records import Held
from invoices.documents.drafts import Draft, DraftLine
from invoices.tax.line_taxes import read_taxes, taxes_of

_LINES = f"""
SELECT i.id, i.currency, p.id, l.id, l.kind, l.description, l.amount, {taxes_of("l")}::text, l.explanation::text,
    l.service_start, l.service_end,
    coalesce('fee:' || f.code, 'feature:' || t.code, ''),
    c.redemption_id, c.period_id,
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

COUNTED = """
    SELECT c.id AS coupon_id, c.code, c.redeemed, r.times FROM plans_coupon c
    LEFT JOIN LATERAL (SELECT count(*) AS times FROM billing_redemption WHERE coupon_id = c.id) r ON true
    WHERE c.redeemed <> r.times OR c.redeemed > c.most_redemptions
"""


def wrong_coupons(books: Books) -> Iterator[Row]:
    """Yield documents whose coupons take off something else than is held, or off other lines."""
    held = _read_held()
    with ServerCursor(connection.connection, "audit_coupons") as cursor:
        cursor.execute(_LINES, [list(held)])
        for (invoice_id, _, period_id), rows in groupby(cursor, key=lambda row: row[:3]):
            lines = list(rows)
            stored = [_stored(row) for row in lines if row[4] == "coupon"]
            again = list(_again(held.get(period_id, ()), lines, period_id))
            for one, other in zip(stored, again, strict=False):
                if one != other:
                    yield {"invoice_id": invoice_id, "stored": one, "again": other}
            if len(stored) != len(again):
                yield {"invoice_id": invoice_id, "coupons": len(stored), "again": len(again)}


def _read_held() -> dict[int, list[Held]]:
    found: dict[int, list[Held]] = {}
    with connection.cursor() as cursor:
        cursor.execute(HELD.format(periods="p.state = 'closed'"))
        for period_id, *row in cursor.fetchall():
            found.setdefault(period_id, []).append(held_of(row))
    return found


def _stored(row: Sequence[Any]) -> dict[str, Any]:
    """Return what a coupon's line says, in a form that compares."""
    _, _, _, _, _, _, amount, taxes, stated, _, _, _, redemption_id, period_id, shares, _ = row
    return {
        "amount": amount,
        "taxes": read_taxes(taxes),
        "explanation": json.loads(stated),
        "redemption": redemption_id,
        "period": period_id,
        "shares": [(line_id, Decimal(share), invoice_id) for line_id, share, invoice_id in shares or ()],
    }


def _again(held: Sequence[Held], rows: Sequence[Any], period_id: int) -> Iterator[dict[str, Any]]:
    """Yield the same of the coupons that are held, taken off the document's other lines."""
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
    for line, redemption_id in discount(draft, held):
        shares = sorted((one.line.id, one.amount, invoice_id) for one in draft.shares if one.coupon is line)
        yield {
            "amount": line.amount,
            "taxes": line.taxes,
            "explanation": msgspec.json.decode(line.explanation),
            "redemption": redemption_id,
            "period": period_id,
            "shares": shares,
        }


def _line(row: Sequence[Any]) -> DraftLine:
    _, _, _, id_, kind, description, amount, taxes, _, start, end, subject, *_ = row
    under = read_taxes(taxes)
    return DraftLine(kind, description, start, end, Decimal(1), "", amount, under, b"", subject=subject, id=id_)
