"""Check fee lines: price them again from the share that they state."""

import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row, select_rows
from billing.audit.shared_reads import Books
from billing.closing.lines.section_lines import is_own_line_sql
from lib.decimals import to_plain_string
from lib.money import round_money
from tests.oracle.amounts.quantities import settled_amount

_FEES = """
SELECT l.id, l.kind, l.amount, l.currency, l.quantity, l.explanation::text, f.amount, f.currency
FROM invoices_line l JOIN plans_fee f ON f.id = l.fee_id WHERE f.basis = 'fixed'
"""

# A fee is billed for a period of its version: the closed one, or the next one. Fees for several periods have a check
# of their own. A period paid in advance may have ended earlier since, when its subscription was canceled; the line
# that gives its rest back is for the time from there to the end that was paid.
_PERIODS = f"""
SELECT l.id AS line_id, l.service_start, l.service_end FROM invoices_line l JOIN plans_fee f ON f.id = l.fee_id
JOIN invoices_invoice i ON i.id = l.invoice_id
JOIN billing_period own ON own.invoice_id = i.id AND {is_own_line_sql("own", "l")}
JOIN billing_subscription s ON s.id = own.subscription_id
WHERE own.kind <> 'undone' AND f.every = 1 AND NOT EXISTS (
    SELECT FROM billing_period p WHERE p.subscription_id = own.subscription_id AND p.kind = 'regular'
        AND NOT p.is_trial AND p.version_id = f.version_id
        AND CASE WHEN l.kind = 'proration' AND l.amount < 0 AND f.billed = 'advance' AND EXISTS (
                SELECT FROM invoices_line b WHERE b.fee_id = l.fee_id AND b.kind = 'fee'
                    AND b.service_start = p.starts_at AND b.service_end = l.service_end
                    AND b.service_start < l.service_start)
            THEN p.ends_at ELSE p.starts_at END = l.service_start
        AND (p.ends_at = l.service_end OR p.ends_at = l.service_start
            OR (f.billed = 'advance' AND p.settles <> '')
            OR (f.billed = 'advance' AND p.ends_at < l.service_end AND (p.ends_at = s.ends_at
                OR EXISTS (SELECT FROM billing_period n WHERE n.continues_id = p.id
                    OR n.subscription_id = p.subscription_id AND n.starts_at = p.ends_at AND n.anchor_at = n.starts_at
                ))))
        AND CASE WHEN f.billed = 'advance' AND l.kind = 'fee' AND p.starts_at = own.ends_at
                AND (f.kind <> 'one_time' OR own.kind = 'opening' OR own.is_trial) THEN true
            WHEN f.basis <> 'fixed' OR f.billed = 'arrears' OR l.kind = 'proration' THEN p.id = own.id
            ELSE false END)
"""  # noqa: S608


def wrong_fee_lines(books: Books) -> Iterator[Row]:
    """Yield lines that are not the stated share of their fee, or are for a period that the fee can't be due for."""
    yield from select_rows(_PERIODS)
    with ServerCursor(connection.connection, "audit_fees") as cursor:
        cursor.execute(_FEES)
        for row in cursor:
            yield from _differences(*row)


def _differences(
    line_id: int,
    kind: str,
    amount: Decimal,
    currency: str,
    quantity: Decimal,
    explanation_text: str,
    fee: Decimal,
    fee_currency: str,
) -> Iterator[dict[str, Any]]:
    explanation: dict[str, str] = json.loads(explanation_text)
    try:
        share, remaining_share = Fraction(explanation["share"]), Fraction(explanation.get("left", 0))
    except (KeyError, ValueError, ZeroDivisionError):
        yield {"line_id": line_id, "wrong": "share", "stored": explanation.get("share")}
        return
    full_fee = to_plain_string(fee)
    formula = full_fee if share == 1 else f"{full_fee} × {share}, "
    expected = round_money(Fraction(fee) * share, currency)
    if (
        explanation.get("fee") != full_fee
        or currency != fee_currency
        or quantity != 1
        or not 0 <= share <= 1 - remaining_share
    ):
        yield {"line_id": line_id, "wrong": "fee", "stored": explanation.get("fee"), "again": full_fee}
    elif kind == "proration":
        if "left" in explanation:
            expected = Decimal(explanation["claimed_before"]) - round_money(Fraction(fee) * remaining_share, currency)
        if Decimal(explanation["cumulative"]) != expected or settled_amount(explanation, currency) != amount:
            yield {"line_id": line_id, "wrong": "amount given back", "stored": explanation_text}
    elif not explanation.get("formula", "").startswith(formula) or len(explanation) != 3:
        yield {"line_id": line_id, "wrong": "explanation", "stored": explanation_text, "again": formula}
    elif expected != amount:
        yield {"line_id": line_id, "wrong": "amount", "stored": amount, "again": expected}
