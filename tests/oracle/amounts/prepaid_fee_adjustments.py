"""
Check fees paid in advance for periods whose end has moved since: compute the adjustments again.

Fees for several periods have a check of their own: longer_fees.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
from django.db import connection

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.lines.fee_histories import read_fees_billed_in_advance
from billing.closing.lines.fee_lines import advance_fee_corrections
from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.period_reader import read_due_periods
from billing.closing.records import FeeHistory, PeriodToClose
from invoices.amounts.line_net import line_net_sql
from invoices.documents.seller_terms import read_sellers
from lib.decimals import ZERO
from plans.catalog.stored_terms import load_terms
from tests.oracle.amounts.quantities import BATCH_SIZE

_MOVED = "SELECT id FROM billing_period WHERE state = 'closed' AND settles <> '' ORDER BY id"

# The adjustments on the period's own invoice, less the fee credits on the invoice before it; and the part of the
# billed fee that credit notes have left.
_STORED = f"""
SELECT p.id, l.fee_id, sum(CASE WHEN l.invoice_id = p.invoice_id AND l.kind = 'proration' THEN l.amount ELSE 0 END
    - coalesce(c.amount, 0)), sum(CASE WHEN l.kind = 'fee' THEN {line_net_sql("l")} - coalesce(c.credited, 0) END)
FROM billing_period p
JOIN billing_period own ON own.subscription_id = p.subscription_id AND (own.id = p.id OR own.ends_at = p.starts_at)
JOIN invoices_line l ON l.invoice_id = own.invoice_id AND (l.service_start = p.starts_at
        OR l.kind = 'proration' AND l.invoice_id = p.invoice_id AND l.service_start = p.ends_at)
    AND {is_own_line_sql("own", "l")}
JOIN plans_fee f ON f.id = l.fee_id AND f.version_id = p.version_id AND f.basis = 'fixed' AND f.billed = 'advance'
    AND f.every = 1
LEFT JOIN LATERAL (SELECT sum(amount) AS credited, sum(amount) FILTER (WHERE kind = 'fee_credit') AS amount
    FROM invoices_line WHERE corrects_line_id = l.id) c ON true
WHERE p.id = ANY(%s) GROUP BY 1, 2
"""  # noqa: S608


def wrong_prepaid_adjustments(books: Books) -> Iterator[Row]:
    """Yield fees with a wrong credit for time that was cut off, or a wrong charge for time that was added."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVED)
        period_ids = [period_id for (period_id,) in cursor.fetchall()]
        for start in range(0, len(period_ids), BATCH_SIZE):
            chunk = period_ids[start : start + BATCH_SIZE]
            expected = _expected(chunk)
            cursor.execute(_STORED, [chunk])
            for period_id, fee_id, stored, remaining_claim in cursor.fetchall():
                expected_amount = expected.pop((period_id, fee_id), ZERO)
                if stored != expected_amount and not (expected_amount < stored <= 0 and remaining_claim == 0):
                    yield {"period_id": period_id, "fee_id": fee_id, "stored": stored, "again": expected_amount}
            for (period_id, fee_id), expected_amount in expected.items():
                yield {"period_id": period_id, "fee_id": fee_id, "stored": None, "again": expected_amount}


def _expected(period_ids: list[int]) -> dict[tuple[int, int | None], Decimal]:
    """Return (period, fee) → adjustment of the amount billed in advance; below zero if it is credited."""
    due_periods, billed_fees = read_due_periods(period_ids), read_fees_billed_in_advance(period_ids)
    sellers = read_sellers({due.buyer.seller_id for due in due_periods.values()})
    amounts = {}
    for period_id, due in due_periods.items():
        # As of the close: none of these fees was credited yet.
        uncredited = {
            fee_id: msgspec.structs.replace(billed_fee, credited=ZERO)
            for fee_id, billed_fee in billed_fees.get(period_id, {}).items()
        }
        closing = PeriodToClose.of(due, fees=FeeHistory(billed_fees=uncredited))
        multi_period_fee_ids = {
            fee.fee_id for fee in load_terms(closing.span.version_id, closing.span.currency).multi_period_fees
        }
        for line in advance_fee_corrections(closing, sellers[closing.buyer.seller_id]):
            if line.fee_id not in multi_period_fee_ids:
                amounts[period_id, line.fee_id] = line.amount
    return amounts
