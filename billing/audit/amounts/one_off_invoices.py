"""One-off claims, worked out anew from what their lines say."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row, select
from billing.audit.shared_reads import Books
from invoices.one_off_invoices.one_off_lines import explained
from lib.decimals import EXACT
from lib.money import round_money

_LINES = """
SELECT l.id, l.quantity, l.amount, l.currency, l.explanation::text FROM invoices_line l WHERE l.kind = 'one_off'
"""

# A document is about the days of its claims, all of which are of its own.
_DAYS = """
SELECT i.id AS invoice_id, i.period_start, i.period_end FROM invoices_invoice i
JOIN invoices_line l ON l.invoice_id = i.id
WHERE i.reference LIKE 'claim:%' AND i.kind = 'invoice' GROUP BY i.id
HAVING (i.period_start, i.period_end) <> (min(l.service_start), max(l.service_end))
    OR NOT bool_and(l.kind = 'one_off')
"""


def wrong_claims(books: Books) -> Iterator[Row]:
    """Yield lines that are not their units at their price, and documents of other days than their lines."""
    yield from select(_DAYS)
    with ServerCursor(connection.connection, "audit_claims") as cursor:
        cursor.execute(_LINES)
        for line_id, quantity, amount, currency, stated in cursor:
            told: dict[str, Any] = json.loads(stated)
            price = Decimal(told["parts"][0]["unit_price"])
            if told != json.loads(explained(quantity, price, told.get("tax_code", ""))):
                yield {"line_id": line_id, "wrong": "workings", "stored": stated}
            elif (again := round_money(EXACT.multiply(quantity, price), currency)) != amount:
                yield {"line_id": line_id, "wrong": "amount", "stored": amount, "again": again}
