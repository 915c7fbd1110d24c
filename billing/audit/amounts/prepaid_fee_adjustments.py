"""
What fees that were paid in advance came to where the period's end has moved since, reckoned anew.

Those for several periods have a check of their own: longer_fees.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
from django.db import connection

from billing.audit.amounts.quantities import AT_A_TIME
from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.lines.fee_lines import rest_lines
from billing.closing.lines.quantity_lines import read_claims
from billing.closing.lines.section_lines import own
from billing.closing.period_reader import read_closings
from invoices.documents.line_net import net_of
from invoices.documents.seller_terms import read_sellers
from lib.decimals import ZERO
from plans.catalog.stored_terms import terms_of

_MOVED = "SELECT id FROM billing_period WHERE state = 'closed' AND settles <> '' ORDER BY id"

# What the period's own document and credit notes of the one before it say, and what notes have left of the claim.
_STORED = f"""
SELECT p.id, l.fee_id, sum(CASE WHEN l.invoice_id = p.invoice_id AND l.kind = 'proration' THEN l.amount ELSE 0 END
    - coalesce(c.amount, 0)), sum(CASE WHEN l.kind = 'fee' THEN {net_of("l")} - coalesce(c.credited, 0) END)
FROM billing_period p
JOIN billing_period own ON own.subscription_id = p.subscription_id AND (own.id = p.id OR own.ends_at = p.starts_at)
JOIN invoices_line l ON l.invoice_id = own.invoice_id AND l.service_start = p.starts_at AND {own("own", "l")}
JOIN plans_fee f ON f.id = l.fee_id AND f.version_id = p.version_id AND f.basis = 'fixed' AND f.billed = 'advance'
    AND f.every = 1
LEFT JOIN LATERAL (SELECT sum(amount) AS credited, sum(amount) FILTER (WHERE kind = 'fee_credit') AS amount
    FROM invoices_line WHERE corrects_line_id = l.id) c ON true
WHERE p.id = ANY(%s) GROUP BY 1, 2
"""  # noqa: S608


def wrong_rests(books: Books) -> Iterator[Row]:
    """Yield fees of which not what was cut off was given back, or not what was added charged."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVED)
        ids = [id_ for (id_,) in cursor.fetchall()]
        for start in range(0, len(ids), AT_A_TIME):
            chunk = ids[start : start + AT_A_TIME]
            expected = _expected(chunk)
            cursor.execute(_STORED, [chunk])
            for period_id, fee_id, stored, left in cursor.fetchall():
                wanted = expected.pop((period_id, fee_id), ZERO)
                if stored != wanted and not (wanted < stored <= 0 and left == 0):
                    yield {"period_id": period_id, "fee_id": fee_id, "stored": stored, "again": wanted}
            for (period_id, fee_id), wanted in expected.items():
                yield {"period_id": period_id, "fee_id": fee_id, "stored": None, "again": wanted}


def _expected(period_ids: list[int]) -> dict[tuple[int, int | None], Decimal]:
    """Return (period, fee) → what it comes to beyond what was claimed, below zero where that is given back."""
    closings, claims = read_closings(period_ids), read_claims(period_ids)
    sellers = read_sellers({one.buyer.seller_id for one in closings.values()})
    found = {}
    for period_id, closing in closings.items():
        of_period = claims.get(period_id, {})  # as they were when nothing was taken back of them yet
        closing.claimed = {id_: msgspec.structs.replace(one, credited=ZERO) for id_, one in of_period.items()}
        lasting = {fee.fee_id for fee in terms_of(closing.span.version_id, closing.span.currency).lasting}
        for line in rest_lines(closing, sellers[closing.buyer.seller_id]):
            if line.fee_id not in lasting:
                found[period_id, line.fee_id] = line.amount
    return found
