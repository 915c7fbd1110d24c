"""Fees for several periods: what each document said of them, reckoned anew by the code that bills them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from billing.audit.amounts.quantities import AT_A_TIME
from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.lines.fee_lines import fee_lines
from billing.closing.lines.multi_period_fees import ends_here, fill_in_lasting
from billing.closing.lines.section_lines import own
from billing.closing.period_reader import read_closings
from billing.closing.records import Closing
from invoices.documents.seller_terms import SellerTerms, read_sellers
from lib.decimals import ZERO
from plans.catalog.stored_terms import terms_of

_CLOSED = """
SELECT p.id FROM billing_period p LEFT JOIN billing_period n
    ON n.subscription_id = p.subscription_id AND n.kind = 'regular' AND n.starts_at = p.ends_at AND n.id <> p.id
WHERE p.state = 'closed' AND p.kind <> 'undone'
    AND EXISTS (SELECT FROM plans_fee f WHERE f.every > 1 AND f.version_id IN (p.version_id, n.version_id))
"""

_LINES = f"""
SELECT p.id, l.kind, l.fee_id, l.service_start, l.service_end, l.amount
FROM billing_period p JOIN invoices_line l ON l.invoice_id = p.invoice_id AND l.kind IN ('fee', 'proration')
    AND {own("p", "l")}
JOIN plans_fee f ON f.id = l.fee_id AND f.every > 1 WHERE p.id = ANY(%s)
"""  # noqa: S608

_GIVEN_BACK = """
SELECT corrects_line_id, sum(amount) FROM invoices_line
WHERE kind = 'fee_credit' AND corrects_line_id = ANY(%s) GROUP BY 1
"""


class Said(NamedTuple):
    """A line about such a fee, of a document or as it should be."""

    kind: str
    fee_id: int | None
    service_start: datetime
    service_end: datetime
    amount: Decimal


def wrong_longer_fees(books: Books) -> Iterator[Row]:
    """Yield periods whose documents do not claim, or give back, of these fees what is due with them."""
    ids = [id_ for (id_,) in _query(_CLOSED)]
    for start in range(0, len(ids), AT_A_TIME):
        chunk = ids[start : start + AT_A_TIME]
        stored: dict[int, list[Said]] = {}
        for period_id, *line in _query(_LINES, chunk):
            stored.setdefault(period_id, []).append(Said(*line))
        closings = read_closings(chunk)
        fill_in_lasting(closings.values())
        sellers = read_sellers({one.buyer.seller_id for one in closings.values()})
        claims = [claim.line_id for one in closings.values() for claim in one.claimed.values()]
        given_back = dict(_query(_GIVEN_BACK, claims))
        for period_id, closing in closings.items():
            seller = sellers[closing.buyer.seller_id]
            yield from _wrong(closing, stored.get(period_id, []), given_back, seller)


def _wrong(
    closing: Closing, stored: list[Said], given_back: Mapping[int, Decimal], seller: SellerTerms
) -> Iterator[Row]:
    claimed = dict(closing.claimed)
    # As they were then: nothing given back yet, and to the end that the subscription was to have.
    closing.claimed = {id_: msgspec.structs.replace(one, credited=ZERO) for id_, one in claimed.items()}
    closing.ends_at = max((one.service_end for one in stored if one.kind == "fee"), default=None)
    again = [Said(*(getattr(line, name) for name in Said._fields)) for line in fee_lines(closing, seller)]
    lasting = _lasting(closing)
    expected = [one for one in again if one.fee_id in lasting]
    if (found := _claims(stored)) != (due := _claims(expected)):
        yield {"period_id": closing.span.period_id, "stored": sorted(found - due), "again": sorted(due - found)}
    for fee_id, claim in claimed.items():
        was = _rest(stored, fee_id)
        if ends_here(closing, claim):
            was -= given_back.get(claim.line_id, ZERO)
        wanted = _rest(expected, fee_id)
        if was != wanted and not (wanted < was <= 0 and claim.net == claim.credited):
            yield {"period_id": closing.span.period_id, "fee_id": fee_id, "stored": was, "again": wanted}


def _lasting(closing: Closing) -> set[int | None]:
    spans = [span for span in (closing.span, closing.following) if span is not None]
    return {fee.fee_id for span in spans for fee in terms_of(span.version_id, span.currency).lasting}


def _claims(lines: list[Said]) -> set[Said]:
    return {one for one in lines if one.kind == "fee" and one.amount}


def _rest(lines: list[Said], fee_id: int) -> Decimal:
    return sum((one.amount for one in lines if one.kind == "proration" and one.fee_id == fee_id), ZERO)


def _query(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall()
