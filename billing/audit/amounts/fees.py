"""Lines for fees, priced anew from the share that they state."""

import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.amounts.quantities import given
from billing.audit.check import Row, select
from billing.audit.shared_reads import Books
from billing.closing.lines.section_lines import own
from lib.decimals import plain
from lib.money import round_money

_FEES = """
SELECT l.id, l.kind, l.amount, l.currency, l.quantity, l.explanation::text, f.amount, f.currency
FROM invoices_line l JOIN plans_fee f ON f.id = l.fee_id WHERE f.basis = 'fixed'
"""

# A fee is for a period of its version: the one that is over, or the one that follows it. One for several has a check
# of its own. The end of a period that was paid for in advance may have moved since, with that of its subscription.
_PERIODS = f"""
SELECT l.id AS line_id, l.service_start, l.service_end FROM invoices_line l JOIN plans_fee f ON f.id = l.fee_id
JOIN invoices_invoice i ON i.id = l.invoice_id
JOIN billing_period own ON own.invoice_id = i.id AND {own("own", "l")}
JOIN billing_subscription s ON s.id = own.subscription_id
WHERE own.kind <> 'undone' AND f.every = 1 AND NOT EXISTS (
    SELECT FROM billing_period p WHERE p.subscription_id = own.subscription_id AND p.kind = 'regular'
        AND NOT p.is_trial AND p.version_id = f.version_id AND p.starts_at = l.service_start
        AND (p.ends_at = l.service_end
            OR (f.billed = 'advance' AND p.settles <> '')
            OR (f.billed = 'advance' AND p.ends_at < l.service_end AND (p.ends_at = s.ends_at
                OR EXISTS (SELECT FROM billing_period n WHERE n.continues_id = p.id))))
        AND CASE WHEN f.billed = 'advance' AND l.kind = 'fee' AND p.starts_at = own.ends_at
                AND (f.kind <> 'one_time' OR own.kind = 'opening' OR own.is_trial) THEN true
            WHEN f.basis <> 'fixed' OR f.billed = 'arrears' OR l.kind = 'proration' THEN p.id = own.id
            ELSE false END)
"""  # noqa: S608


def wrong_fee_lines(books: Books) -> Iterator[Row]:
    """Yield lines that are not the stated share of their fee, or for no period that it could be due for."""
    yield from select(_PERIODS)
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
    stated: str,
    fee: Decimal,
    fee_currency: str,
) -> Iterator[dict[str, Any]]:
    explanation: dict[str, str] = json.loads(stated)
    try:
        part, left = Fraction(explanation["share"]), Fraction(explanation.get("left", 0))
    except (KeyError, ValueError, ZeroDivisionError):
        yield {"line_id": line_id, "wrong": "share", "stored": explanation.get("share")}
        return
    full = plain(fee)
    formula = full if part == 1 else f"{full} × {part}, "
    expected = round_money(Fraction(fee) * part, currency)
    if explanation.get("fee") != full or currency != fee_currency or quantity != 1 or not 0 <= part <= 1 - left:
        yield {"line_id": line_id, "wrong": "fee", "stored": explanation.get("fee"), "again": full}
    elif kind == "proration":
        if "left" in explanation:
            expected = Decimal(explanation["claimed_before"]) - round_money(Fraction(fee) * left, currency)
        if Decimal(explanation["cumulative"]) != expected or given(explanation, currency) != amount:
            yield {"line_id": line_id, "wrong": "amount given back", "stored": stated}
    elif not explanation.get("formula", "").startswith(formula) or len(explanation) != 3:
        yield {"line_id": line_id, "wrong": "explanation", "stored": stated, "again": formula}
    elif expected != amount:
        yield {"line_id": line_id, "wrong": "amount", "stored": amount, "again": expected}
