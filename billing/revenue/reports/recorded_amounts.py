"""
Documents and payments as recorded, which the books are compared with: docs/revenue-reports.md#reconciliation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from billing.revenue.ledger.books import read_books
from billing.revenue.ledger.live_postings import ALL_MONTHS
from billing.revenue.ledger.sources import place_sql
from billing.revenue.reports.entries import entry_parameters
from billing.revenue.reports.filters import read_choice, read_month, unknown
from customers.models import Seller
from invoices.models.payment_attempts import RefundProvider
from invoices.models.payments import PaymentChannel
from lib import sql
from lib.decimals import ZERO

PAGE_SIZE = 100

METHODS = dict(RefundProvider.choices) | dict(PaymentChannel.choices)
"""Method of a payment or refund → its name."""


class BooksComparison(TextChoices):
    """Recorded amounts that are compared with the books, in the order of the rows of a month."""

    INVOICES = "invoices", _("Invoices and credit notes")
    PAYMENTS = "payments", _("Payments")
    REFUNDS = "refunds", _("Refunds")
    PROVIDER = "provider", _("Collected by the provider")


# The month of a row is that in which the books would count it. An overpayment is money received, like a payment.
RECORDS = f"""
SELECT 'invoices' AS comparison, '' AS method, i.issued_at AS at, {place_sql("i.issued_at")} AS place,
    CASE WHEN i.kind = 'credit_note' THEN -i.total ELSE i.total END AS amount, 'invoice' AS source, i.id AS source_id,
    i.customer_id
FROM b CROSS JOIN invoices_invoice i
WHERE i.seller_id = b.seller AND NOT i.sandbox AND i.state <> 'draft' AND i.currency = %(currency)s
UNION ALL
SELECT 'payments', p.method, p.paid_at, {place_sql("greatest(p.paid_at, i.issued_at)")}, p.amount, 'payment', p.id,
    i.customer_id
FROM b CROSS JOIN invoices_payment p JOIN invoices_invoice i ON i.id = p.invoice_id
WHERE i.seller_id = b.seller AND NOT i.sandbox AND p.method NOT IN ('balance', 'wallet')
    AND p.currency = %(currency)s
UNION ALL
SELECT 'payments', coalesce(a.provider, 'manual'), e.at, {place_sql("e.at")}, e.amount, 'balance', e.id, e.customer_id
FROM b CROSS JOIN invoices_balanceentry e JOIN customers_customer c ON c.id = e.customer_id AND NOT c.sandbox
LEFT JOIN invoices_paymentattempt a ON e.reference = 'charge:' || a.id
WHERE e.seller_id = b.seller AND e.kind = 'overpayment' AND e.currency = %(currency)s
UNION ALL
SELECT 'refunds', r.provider, r.settled_at, {place_sql("r.settled_at")}, r.amount, 'refund', r.id, r.customer_id
FROM b CROSS JOIN invoices_refund r JOIN customers_customer c ON c.id = r.customer_id AND NOT c.sandbox
WHERE r.seller_id = b.seller AND r.state = 'succeeded' AND r.currency = %(currency)s
UNION ALL
SELECT 'provider', a.provider, a.settled_at, {place_sql("a.settled_at")}, a.amount, 'attempt', a.id, i.customer_id
FROM b CROSS JOIN invoices_paymentattempt a JOIN invoices_invoice i ON i.id = a.invoice_id
WHERE i.seller_id = b.seller AND NOT i.sandbox AND a.state = 'succeeded' AND a.currency = %(currency)s
"""  # noqa: S608
"""
All recorded amounts of a seller in one currency: `comparison`, `method`, `at`, `place` of its month, `amount`,
`source`, `source_id` and `customer_id`; within `ALL_MONTHS`.
"""

_PAGE = f"""
WITH {ALL_MONTHS}
SELECT r.source, r.source_id, r.customer_id, (r.at AT TIME ZONE b.zone)::date, r.method, r.amount,
    sum(r.amount) OVER (), count(*) OVER ()
FROM b CROSS JOIN ({RECORDS}) r
WHERE r.comparison = %(comparison)s AND coalesce(b.months[r.place] = %(service)s::date, true)
    AND coalesce(r.method = %(method)s::text, true)
ORDER BY r.at DESC, r.source, r.source_id LIMIT {PAGE_SIZE} OFFSET %(offset)s
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class RecordedAmount:
    """A document, payment, refund or provider's charge. source, source_id: its row. day: in the seller's zone."""

    source: str
    source_id: int
    customer_id: int
    day: date
    method: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class RecordedPage:
    """A page of recorded amounts, the latest first. total, count: of all pages."""

    rows: tuple[RecordedAmount, ...]
    total: Decimal
    count: int


def read_records(
    seller: Seller, *, currency: str, filters: Mapping[str, str], at: datetime, page: int = 1
) -> RecordedPage:
    """
    Return a page of the amounts that a comparison adds up.

    filters: `comparison`, by default that of invoices; `service`, the month, and `method`, by default all.

    :raises UnknownFilter: if a filter is unknown or its value malformed.
    """
    values: dict[str, object] = {"comparison": BooksComparison.INVOICES.value, "service": None, "method": None}
    for name, text in filters.items():
        if name == "comparison":
            values[name] = read_choice(name, text, BooksComparison.values)
        elif name == "service":
            values[name] = read_month(name, text)
        elif name == "method":
            values[name] = text
        else:
            raise unknown(name)
    values |= {"currency": currency, "offset": (page - 1) * PAGE_SIZE}
    rows = sql.fetch_rows(_PAGE, entry_parameters(read_books(seller, at=at)) | values)
    total, count = rows[0][-2:] if rows else (ZERO, 0)
    return RecordedPage(tuple(RecordedAmount(*row[:-2]) for row in rows), total, count)
