"""Check one-off invoices: compute the lines again from their quantity and price."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row, select_rows
from billing.audit.shared_reads import Books
from invoices.one_off_invoices.one_off_lines import explanation
from lib.decimals import EXACT
from lib.money import round_money

_LINES = """
SELECT l.id, l.quantity, l.amount, l.currency, l.explanation::text FROM invoices_line l WHERE l.kind = 'one_off'
"""

# A one-off invoice covers the days of its lines, and has only one-off lines.
_DAYS = """
SELECT i.id AS invoice_id, i.period_start, i.period_end FROM invoices_invoice i
JOIN invoices_line l ON l.invoice_id = i.id
WHERE i.reference LIKE 'claim:%' AND i.kind = 'invoice' GROUP BY i.id
HAVING (i.period_start, i.period_end) <> (min(l.service_start), max(l.service_end))
    OR NOT bool_and(l.kind = 'one_off')
"""


def wrong_one_off_lines(books: Books) -> Iterator[Row]:
    """Yield lines that are not their units at their price, and invoices whose dates differ from their lines'."""
    yield from select_rows(_DAYS)
    with ServerCursor(connection.connection, "audit_claims") as cursor:
        cursor.execute(_LINES)
        for line_id, quantity, amount, currency, explanation_text in cursor:
            stored: dict[str, Any] = json.loads(explanation_text)
            price = Decimal(stored["parts"][0]["unit_price"])
            if stored != json.loads(explanation(quantity, price, stored.get("tax_code", ""))):
                yield {"line_id": line_id, "wrong": "workings", "stored": explanation_text}
            elif (expected := round_money(EXACT.multiply(quantity, price), currency)) != amount:
                yield {"line_id": line_id, "wrong": "amount", "stored": amount, "again": expected}
