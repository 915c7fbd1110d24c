"""Amounts billed and collected by a seller this month, and those its customers owe: docs/revenue-reports.md#home."""

from dataclasses import dataclass, field
from decimal import Decimal

from billing.revenue.finance_home.month_to_date import Comparison, MonthToDate
from billing.revenue.ledger.books import SellerBooks
from billing.revenue.ledger.live_postings import CASH, SOURCES, parameters, postings_sql
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum

BUCKETS = ("not_due", "1_30", "31_60", "61_90", "over_90")
"""Days past due, as in the aging report."""
PAST_DUE = BUCKETS[1:]

_SPANS = """
sum({amount}) FILTER (WHERE {time} >= %(start)s),
    sum({amount}) FILTER (WHERE {time} < %(same_time)s),
    count(*) FILTER (WHERE {time} >= %(start)s)
"""
_WITHIN = """
    ({time} >= %(previous)s AND {time} < %(same_time)s OR {time} >= %(start)s AND {time} < %(at)s)
"""
_ISSUED_AT = "coalesce(i.issued_at, i.created_at)"  # the expression of the index by time
_BILLED = f"""
SELECT 'billed', i.currency, {
    _SPANS.format(amount="CASE i.kind WHEN 'credit_note' THEN -i.net ELSE i.net END", time=_ISSUED_AT)
}
FROM invoices_invoice i
WHERE i.seller_id = %(seller)s AND NOT i.sandbox AND i.state <> 'draft' AND {_WITHIN.format(time=_ISSUED_AT)}
GROUP BY i.currency
"""  # noqa: S608

# As the books have it: a payment of a locked month that is booked later, such as a bank line, is booked in this one.
_COLLECTED = """
SELECT 'collected', p.currency, sum(CASE WHEN p.debit = 'cash' THEN p.amount ELSE -p.amount END), NULL, count(*)
FROM ({postings}) p WHERE 'cash' IN (p.debit, p.credit) AND p.source = ANY(%(sources)s) GROUP BY 2
"""

# By value date: payments and overpayments, less refunds.
_COLLECTED_THEN = """
SELECT 'collected', c.currency, NULL, sum(c.amount), 0
FROM (
    SELECT p.currency, p.amount FROM invoices_payment p JOIN invoices_invoice i ON i.id = p.invoice_id
    WHERE p.method NOT IN ('balance', 'wallet') AND i.seller_id = %(seller)s AND NOT i.sandbox
        AND p.paid_at >= %(previous)s AND p.paid_at < %(same_time)s
    UNION ALL
    SELECT e.currency, e.amount FROM invoices_balanceentry e JOIN customers_customer c ON c.id = e.customer_id
    WHERE e.kind = 'overpayment' AND e.seller_id = %(seller)s AND NOT c.sandbox
        AND e.at >= %(previous)s AND e.at < %(same_time)s
    UNION ALL
    SELECT r.currency, -r.amount FROM invoices_refund r JOIN customers_customer c ON c.id = r.customer_id
    WHERE r.state = 'succeeded' AND r.seller_id = %(seller)s AND NOT c.sandbox
        AND r.settled_at >= %(previous)s AND r.settled_at < %(same_time)s
) c GROUP BY 2
"""

# Invoices that are open now, or were then: those that something has happened to since. Each amount counts if it was
# there at the time, as in the aging report.
_RECEIVABLES = """
WITH touched AS (
    SELECT id FROM invoices_invoice WHERE state IN ('issued', 'overdue') AND kind = 'invoice'
    UNION SELECT invoice_id FROM invoices_payment WHERE paid_at >= %(same_time)s
    UNION SELECT corrects_id FROM invoices_invoice i
        WHERE coalesce(i.issued_at, i.created_at) >= %(same_time)s AND corrects_id IS NOT NULL
    UNION SELECT invoice_id FROM invoices_writeoff WHERE at >= %(same_time)s
)
SELECT t.moment, t.currency, t.bucket, sum(t.open), count(*) FROM (
    SELECT m.moment, i.currency, CASE WHEN m.day <= i.due_date THEN 'not_due'
            WHEN m.day - i.due_date <= 30 THEN '1_30' WHEN m.day - i.due_date <= 60 THEN '31_60'
            WHEN m.day - i.due_date <= 90 THEN '61_90' ELSE 'over_90' END AS bucket,
        i.total - coalesce(n.amount, 0) - coalesce(p.amount, 0) + coalesce(r.amount, 0) AS open
    FROM (VALUES ('now', %(at)s::timestamptz, %(today)s::date), ('then', %(same_time)s, %(same_day)s))
        AS m(moment, at, day)
    JOIN touched ON true
    JOIN invoices_invoice i ON i.id = touched.id AND i.seller_id = %(seller)s AND NOT i.sandbox
        AND i.kind = 'invoice' AND i.issued_at < m.at
    LEFT JOIN LATERAL (SELECT sum(c.total) AS amount FROM invoices_invoice c
        WHERE c.corrects_id = i.id AND c.kind = 'credit_note' AND c.issued_at < m.at) n ON true
    LEFT JOIN LATERAL (SELECT sum(y.amount) AS amount FROM invoices_payment y
        WHERE y.invoice_id = i.id AND greatest(y.paid_at, i.issued_at) < m.at) p ON true
    LEFT JOIN LATERAL (
        SELECT sum(x.amount) AS amount FROM (
            SELECT e.amount FROM invoices_balanceentry e JOIN invoices_invoice c ON c.id = e.document_id
            WHERE c.corrects_id = i.id AND e.kind = 'credit_note' AND e.at < m.at
            UNION ALL
            SELECT f.amount FROM invoices_refund f JOIN invoices_invoice c ON c.id = f.note_id
            WHERE c.corrects_id = i.id AND f.created_at < m.at
        ) x
    ) r ON true
    WHERE NOT EXISTS (SELECT FROM invoices_writeoff w WHERE w.invoice_id = i.id AND w.at < m.at)
) t WHERE t.open <> 0 GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Receivables:
    """What customers owe in one currency: by days past due, now and then, with the number of invoices now."""

    now: dict[str, Decimal] = field(default_factory=dict)
    then: dict[str, Decimal] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def total(self, buckets: tuple[str, ...] = BUCKETS) -> Comparison:
        now, then = (exact_sum(amounts.get(bucket, ZERO) for bucket in buckets) for amounts in (self.now, self.then))
        return Comparison(now, then, sum(self.counts.get(bucket, 0) for bucket in buckets))


@dataclass(frozen=True, slots=True)
class InvoicesAndCash:
    """
    The amounts of a seller by currency.

    billed: net of tax, less credit notes. collected: with tax, less refunds. receivables: with tax.
    """

    billed: dict[str, Comparison]
    collected: dict[str, Comparison]
    receivables: dict[str, Receivables]


def read_invoices_and_cash(books: SellerBooks, span: MonthToDate) -> InvoicesAndCash:
    """Return the billed, collected and open amounts of a month to date, in two queries."""
    values = {
        "seller": span.seller.pk,
        "start": span.starts_at,
        "at": span.at,
        "previous": span.previous_start,
        "same_time": span.same_time,
        "today": span.today,
        "same_day": span.same_day,
    }
    flows: dict[str, dict[str, Comparison]] = {"billed": {}, "collected": {}}
    postings = postings_sql(books, sources=[source for source in SOURCES if source.name in CASH])
    statement = " UNION ALL ".join([_BILLED, _COLLECTED.format(postings=postings), _COLLECTED_THEN])
    of_books = parameters(books, low=books.running, high=books.running) | {"sources": list(CASH)}
    for name, currency, now, then, count in sql.fetch_rows(statement, values | of_books):
        former = flows[name].get(currency, Comparison(ZERO, ZERO))
        flows[name][currency] = Comparison(
            EXACT.add(former.now, now or ZERO), EXACT.add(former.then, then or ZERO), former.rows + count
        )
    receivables: dict[str, Receivables] = {}
    for moment, currency, bucket, amount, count in sql.fetch_rows(_RECEIVABLES, values):
        row = receivables.setdefault(currency, Receivables())
        amounts = row.now if moment == "now" else row.then
        amounts[bucket] = EXACT.add(amounts.get(bucket, ZERO), amount)
        if moment == "now":
            row.counts[bucket] = count
    return InvoicesAndCash(flows["billed"], flows["collected"], receivables)
