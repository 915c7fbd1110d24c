"""Check fees for several periods: compute their lines again with the code that bills them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.lines.fee_lines import fee_lines
from billing.closing.lines.multi_period_fees import is_last_period, with_multi_period_fees
from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.period_reader import read_due_periods
from billing.closing.records import NO_FEE_HISTORY, PeriodToClose
from invoices.documents.seller_terms import SellerTerms, read_sellers
from lib.decimals import ZERO
from plans.catalog.stored_terms import load_terms
from tests.oracle.amounts.quantities import BATCH_SIZE

_CLOSED = """
SELECT p.id FROM billing_period p LEFT JOIN billing_period n
    ON n.subscription_id = p.subscription_id AND n.kind = 'regular' AND n.starts_at = p.ends_at AND n.id <> p.id
WHERE p.state = 'closed' AND p.kind <> 'undone'
    AND EXISTS (SELECT FROM plans_fee f WHERE f.every > 1 AND f.version_id IN (p.version_id, n.version_id))
"""

_LINES = f"""
SELECT p.id, l.kind, l.fee_id, l.service_start, l.service_end, l.amount
FROM billing_period p JOIN invoices_line l ON l.invoice_id = p.invoice_id AND l.kind IN ('fee', 'proration')
    AND {is_own_line_sql("p", "l")}
JOIN plans_fee f ON f.id = l.fee_id AND f.every > 1 WHERE p.id = ANY(%s)
"""  # noqa: S608

_CREDITED = """
SELECT corrects_line_id, sum(amount) FROM invoices_line
WHERE kind = 'fee_credit' AND corrects_line_id = ANY(%s) GROUP BY 1
"""


class FeeLine(NamedTuple):
    """A line for such a fee, stored or recomputed."""

    kind: str
    fee_id: int | None
    service_start: datetime
    service_end: datetime
    amount: Decimal


def wrong_multi_period_fees(books: Books) -> Iterator[Row]:
    """Yield periods whose invoices don't bill, or credit, the amounts of these fees that are due with them."""
    period_ids = [row[0] for row in _query(_CLOSED)]
    for start in range(0, len(period_ids), BATCH_SIZE):
        chunk = period_ids[start : start + BATCH_SIZE]
        stored: dict[int, list[FeeLine]] = {}
        for period_id, *line in _query(_LINES, chunk):
            stored.setdefault(period_id, []).append(FeeLine(*line))
        due_periods = read_due_periods(chunk)
        histories = with_multi_period_fees(due_periods.values())
        closings = {
            id_: PeriodToClose.of(due, fees=histories.get(id_, NO_FEE_HISTORY)) for id_, due in due_periods.items()
        }
        sellers = read_sellers({closing.buyer.seller_id for closing in closings.values()})
        line_ids = [fee.line_id for closing in closings.values() for fee in closing.fees.billed_fees.values()]
        credited_by_line = dict(_query(_CREDITED, line_ids))
        for period_id, closing in closings.items():
            seller = sellers[closing.buyer.seller_id]
            yield from _wrong_period_rows(closing, stored.get(period_id, []), credited_by_line, seller)


def _wrong_period_rows(
    closing: PeriodToClose, stored: list[FeeLine], credited_by_line: Mapping[int, Decimal], seller: SellerTerms
) -> Iterator[Row]:
    billed_fees = closing.fees.billed_fees
    # As of the close: nothing was credited yet, and the subscription had the end that the fees were billed to.
    uncredited = {
        fee_id: msgspec.structs.replace(billed_fee, credited=ZERO) for fee_id, billed_fee in billed_fees.items()
    }
    closing = msgspec.structs.replace(
        closing,
        fees=closing.fees._replace(billed_fees=uncredited),
        subscription_ends_at=max((line.service_end for line in stored if line.kind == "fee"), default=None),
    )
    recomputed = [FeeLine(*(getattr(line, name) for name in FeeLine._fields)) for line in fee_lines(closing, seller)]
    multi_period_fee_ids = _multi_period_fee_ids(closing)
    expected = [line for line in recomputed if line.fee_id in multi_period_fee_ids]
    if (stored_fees := _billed_lines(stored)) != (expected_fees := _billed_lines(expected)):
        yield {
            "period_id": closing.span.period_id,
            "stored": sorted(stored_fees - expected_fees),
            "again": sorted(expected_fees - stored_fees),
        }
    for fee_id, billed_fee in billed_fees.items():
        stored_amount = _prorated_amount(stored, fee_id)
        if is_last_period(closing, billed_fee):
            stored_amount -= credited_by_line.get(billed_fee.line_id, ZERO)
        expected_amount = _prorated_amount(expected, fee_id)
        if stored_amount != expected_amount and not (
            expected_amount < stored_amount <= 0 and billed_fee.net == billed_fee.credited
        ):
            yield {
                "period_id": closing.span.period_id,
                "fee_id": fee_id,
                "stored": stored_amount,
                "again": expected_amount,
            }


def _multi_period_fee_ids(closing: PeriodToClose) -> set[int | None]:
    spans = [span for span in (closing.span, closing.next_period) if span is not None]
    return {fee.fee_id for span in spans for fee in load_terms(span.version_id, span.currency).multi_period_fees}


def _billed_lines(lines: list[FeeLine]) -> set[FeeLine]:
    return {line for line in lines if line.kind == "fee" and line.amount}


def _prorated_amount(lines: list[FeeLine], fee_id: int) -> Decimal:
    return sum((line.amount for line in lines if line.kind == "proration" and line.fee_id == fee_id), ZERO)


def _query(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
