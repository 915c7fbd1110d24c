"""
Check the balances of the books' roles against the tables they follow from: documents, lines, purchases and accruals.

Opening balances are apart: finance enters them and their earning, no table explains them.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.audit.check import Check, Row
from billing.audit.posted_amounts import PostedAmount, add_up
from billing.audit.shared_reads import Books
from billing.models.postings import PostingSource, Role
from billing.revenue.ledger.books import SellerBooks
from billing.revenue.ledger.live_postings import ALL_MONTHS, parameters, postings_sql
from billing.revenue.ledger.sources import place_sql, units_sql
from billing.revenue.ledger.sources.line_choices import ALL_LINES
from billing.revenue.ledger.sources.lines import IS_CONTRA, nets_sql
from billing.revenue.reports.entries import MOVEMENTS
from billing.revenue.reports.schedule import END_OF_TIME, read_earned_by
from billing.revenue.reports.waterfall import LINES, report_waterfall
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum

# Each open invoice of its own: a written-off one is paid by nobody, and what clears it later is a recovery.
_TABLES = """
SELECT i.currency, 'receivable', sum(i.total - i.credited - i.paid + i.returned)
    FROM invoices_invoice i LEFT JOIN invoices_writeoff w ON w.invoice_id = i.id
    WHERE i.seller_id = %(seller)s AND NOT i.sandbox AND i.kind = 'invoice' AND i.state <> 'draft' AND w.id IS NULL
    GROUP BY 1
UNION ALL
SELECT e.currency, 'customer_balance', -sum(e.amount) FROM invoices_balanceentry e
    JOIN customers_customer c ON c.id = e.customer_id AND NOT c.sandbox WHERE e.seller_id = %(seller)s GROUP BY 1
UNION ALL
SELECT r.currency, 'refunds_payable', -sum(r.amount) FROM invoices_refund r
    JOIN customers_customer c ON c.id = r.customer_id AND NOT c.sandbox
    WHERE r.seller_id = %(seller)s AND r.state = 'pending' GROUP BY 1
UNION ALL
SELECT s.currency, 'unbilled', sum(x.amount) FROM billing_accruedamount x
    JOIN billing_accrual a ON a.id = x.accrual_id AND a.month = %(running)s
    JOIN billing_period p ON p.id = a.period_id AND p.kind <> 'undone'
        AND (NOT x.is_uninvoiced OR p.state = 'open' OR a.computed_at >= p.late_since)
    JOIN billing_subscription s ON s.id = p.subscription_id AND s.seller_id = %(seller)s AND NOT s.sandbox
    GROUP BY 1
"""
_COMPARED = (Role.RECEIVABLE, Role.CUSTOMER_BALANCE, Role.REFUNDS_PAYABLE, Role.UNBILLED)

# What a share lacks would be booked as another loss, so that the receivables agree in any case.
_WRITTEN_OFF = """
SELECT w.id AS write_off_id, w.invoice_id, w.amount, w.tax, h.amount AS shares,
    i.total - coalesce(n.amount, 0) AS claim
FROM invoices_writeoff w JOIN invoices_invoice i ON i.id = w.invoice_id
LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM invoices_writeoffshare WHERE write_off_id = w.id) h ON true
LEFT JOIN LATERAL (SELECT sum(c.total) AS amount FROM invoices_invoice c
    WHERE c.corrects_id = i.id AND c.kind = 'credit_note' AND c.issued_at <= w.at) n ON true
WHERE w.tax + coalesce(h.amount, 0) <> least(w.amount, i.total - coalesce(n.amount, 0))
    OR EXISTS (SELECT FROM invoices_writeoffshare f JOIN invoices_line l ON l.id = f.line_id
        WHERE f.write_off_id = w.id AND l.invoice_id <> w.invoice_id)
"""

_DOCUMENTS = f"""
WITH {ALL_MONTHS}
SELECT i.currency, b.months[{place_sql("i.issued_at")}],
    sum(CASE i.kind WHEN 'credit_note' THEN -i.total ELSE i.total END),
    sum(CASE i.kind WHEN 'credit_note' THEN i.net - i.total ELSE i.total - i.net END)
FROM b CROSS JOIN invoices_invoice i
WHERE i.seller_id = b.seller AND NOT i.sandbox AND i.state <> 'draft' GROUP BY 1, 2
"""  # noqa: S608
_FROM_DOCUMENTS = (PostingSource.LINE, PostingSource.INVOICE)

# A line that is invoiced after its service was first unbilled, then both roles are clear of it.
_LINES = f"""
WITH {ALL_MONTHS}, posted AS MATERIALIZED (
    SELECT e.source_id, sum(e.change) FILTER (WHERE e.role = 'receivable') AS invoiced,
        coalesce(-sum(e.change) FILTER (WHERE e.role = 'deferred'), 0) AS deferred,
        coalesce(sum(e.change) FILTER (WHERE e.role = 'unbilled'), 0) AS unbilled,
        coalesce(-sum(e.change) FILTER (WHERE e.role = 'revenue' AND e.other IN ('deferred', 'unbilled')), 0)
            AS recognized
    FROM ({MOVEMENTS}) e WHERE e.source = 'line' GROUP BY 1
)
SELECT l.id AS line_id, l.net, p.invoiced, p.recognized, p.deferred, p.unbilled
FROM b CROSS JOIN ({nets_sql(ALL_LINES)}) l LEFT JOIN posted p ON p.source_id = l.id
WHERE l.net <> 0 AND l.purchase_id IS NULL AND NOT {IS_CONTRA} AND (
    (p.invoiced, p.recognized + p.deferred, p.unbilled) IS DISTINCT FROM (l.net, l.net, 0)
    OR l.earned_to <= b.ends[b.running] AND p.deferred <> 0
    OR l.earned_from >= b.ends[b.running] AND p.recognized <> 0
) LIMIT 100
"""  # noqa: S608

# The lots that hold a part of a purchase keep the cost that is left of it. An estimate recognizes breakage ahead of
# expiry, and both sides are rounded. A refund of units is a credit note of their line.
_PURCHASES = f"""
WITH RECURSIVE {ALL_MONTHS}, lots (purchase_id, lot_id) AS (
    SELECT u.id, l.id FROM b CROSS JOIN wallets_purchase u
    JOIN invoices_invoice i ON i.id = u.invoice_id AND i.seller_id = b.seller AND NOT i.sandbox
    JOIN wallets_lot l
        ON l.wallet_id = u.wallet_id AND l.source IN ('purchase:' || u.id, 'purchase:' || u.id || ':bonus')
    UNION ALL
    SELECT o.purchase_id, l.id FROM lots o JOIN wallets_lot l ON l.origin_id = o.lot_id
), left_over AS (
    SELECT r.purchase_id, sum(e.money) AS cost, sum(e.money) FILTER (WHERE t.kind = 'grant') AS granted,
        -coalesce(sum(e.money) FILTER (WHERE t.kind IN ('expire', 'revive', 'void')), 0) AS expired,
        -coalesce(sum(e.money) FILTER (WHERE t.kind = 'refund'), 0) AS refunded
    FROM lots r JOIN wallets_entry e ON e.lot_id = r.lot_id JOIN wallets_transaction t ON t.id = e.transaction_id
    GROUP BY 1
), posted AS MATERIALIZED (
    SELECT e.source_id AS purchase_id, sum(e.change) FILTER (WHERE e.role = 'prepaid') AS taken,
        coalesce(-sum(e.change) FILTER (WHERE e.role = 'breakage'), 0) AS breakage
    FROM ({MOVEMENTS}) e WHERE e.source = 'purchase' GROUP BY 1
)
SELECT u.id AS purchase_id, u.currency, w.granted - coalesce(p.taken, 0) AS prepaid, w.cost AS cost_left, w.expired,
    p.breakage
FROM left_over w JOIN wallets_purchase u ON u.id = w.purchase_id LEFT JOIN posted p ON p.purchase_id = u.id
WHERE w.granted < coalesce(p.taken, 0)
    OR abs(w.granted - coalesce(p.taken, 0) - (w.cost + w.expired + w.refunded - coalesce(p.breakage, 0)))
        * {units_sql("u.currency")} > 1
LIMIT 100
"""  # noqa: S608


def _balances(books: Books) -> Iterator[Row]:
    posted = add_up(
        books.posted,
        lambda amount: (
            (amount.seller_id, amount.role, amount.currency)
            if amount.role in _COMPARED and amount.source != PostingSource.OPENING
            else None
        ),
    )
    tables = {
        (seller_books.seller.pk, role, currency): balance
        for seller_books in books.sellers
        for currency, role, balance in sql.fetch_rows(
            _TABLES, {"seller": seller_books.seller.pk, "running": _running_month(seller_books)}
        )
    }
    yield from _differences(posted, tables, ("seller_id", "role", "currency"), "in its table")


def _running_month(seller_books: SellerBooks) -> date:
    return seller_books.months[seller_books.running - 1]


def _documents(books: Books) -> Iterator[Row]:
    """Yield the months in which receivables and taxes are not those of the documents that were issued in them."""

    def key(amount: PostedAmount) -> tuple[Any, ...] | None:
        is_claim = amount.role == Role.RECEIVABLE and amount.source in _FROM_DOCUMENTS
        if is_claim or (amount.role == Role.TAX and amount.source == PostingSource.INVOICE):
            return amount.seller_id, amount.role, amount.currency, amount.month
        return None

    documents: dict[tuple[Any, ...], Decimal] = {}
    for seller_books in books.sellers:
        rows = sql.fetch_rows(_DOCUMENTS, parameters(seller_books, low=1, high=len(seller_books.months)))
        for currency, month, total, tax in rows:
            documents[seller_books.seller.pk, Role.RECEIVABLE.value, currency, month] = total
            documents[seller_books.seller.pk, Role.TAX.value, currency, month] = -tax
    yield from _differences(
        add_up(books.posted, key), documents, ("seller_id", "role", "currency", "month"), "of documents"
    )


def _deferred(books: Books) -> Iterator[Row]:
    """Yield the currencies whose deferred revenue is not the part of issued lines that is earned later."""
    deferred = add_up(
        books.posted,
        lambda amount: (
            (amount.seller_id, amount.currency)
            if amount.role == Role.DEFERRED and amount.source != PostingSource.OPENING
            else None
        ),
    )
    later = {
        (seller_books.seller.pk, currency): -read_earned_by(
            seller_books.seller, currency=currency, at=seller_books.ends[seller_books.running - 1], until=END_OF_TIME
        )
        for seller_books in books.sellers
        for currency in _currencies(books, seller_books)
    }
    yield from _differences(deferred, later, ("seller_id", "currency"), "earned later")


def _lines(books: Books) -> Iterator[Row]:
    yield from _rows_of_postings(books, _LINES)


def _purchases(books: Books) -> Iterator[Row]:
    yield from _rows_of_postings(books, _PURCHASES)


def _rows_of_postings(books: Books, statement: str) -> Iterator[Row]:
    """Yield the rows of a statement on all postings of a seller, computed as if nothing were locked."""
    for seller_books in books.sellers:
        values = parameters(seller_books, low=1, high=len(seller_books.months))
        postings = postings_sql(seller_books, ignores_locks=True)
        for row in sql.fetch_dicts(statement.format(entries=postings), values):
            yield {"seller_id": seller_books.seller.pk} | row


def _waterfall(books: Books) -> Iterator[Row]:
    """Yield the rows, columns and balances of the waterfall that differ from the postings."""
    for seller_books in books.sellers:
        seller, at = seller_books.seller, seller_books.ends[seller_books.running - 1]
        for currency in _currencies(books, seller_books):
            own = [amount for amount in books.posted if (amount.seller_id, amount.currency) == (seller.pk, currency)]
            deferred = [amount for amount in own if amount.role == Role.DEFERRED]
            earned = [
                amount
                for amount in own
                if amount.role == Role.REVENUE and amount.other in (Role.DEFERRED, Role.UNBILLED)
            ]
            booked = add_up([*earned, *deferred], lambda amount: ("booked in", f"{amount.booked_month:%Y-%m}"))
            income = add_up(earned, lambda amount: ("earned in", f"{amount.month:%Y-%m}"))
            balance = {("balance", "deferred"): exact_sum(amount.change for amount in deferred)}
            shown = _shown_by_waterfall(seller_books, currency, at)
            names = {"seller_id": seller.pk, "currency": currency}
            for row in _differences(booked | income | balance, shown, ("sum", "of"), "in the waterfall"):
                yield names | row


def _shown_by_waterfall(seller_books: SellerBooks, currency: str, at: datetime) -> dict[tuple[Any, ...], Decimal]:
    """Return the sums of the waterfall's rows, of its columns, and its remaining column, as debits less credits."""
    report = report_waterfall(seller_books.seller, currency=currency, at=at, months=len(seller_books.months))
    by_row = {row.values["booked"]: row.values for row in report.rows}
    shown: dict[tuple[Any, ...], Decimal] = {}
    for booked, values in by_row.items():
        if isinstance(booked, date):
            shown["booked in", f"{booked:%Y-%m}"] = -_amount(values, "total")
    for month in seller_books.months:
        shown["earned in", f"{month:%Y-%m}"] = -_amount(by_row[LINES], f"earned:{month:%Y-%m}")
    shown["balance", "deferred"] = -_amount(by_row[LINES], "deferred")
    return shown


def _amount(values: Mapping[str, Any], code: str) -> Decimal:
    return values.get(code) or ZERO


def _currencies(books: Books, seller_books: SellerBooks) -> list[str]:
    return sorted({amount.currency for amount in books.posted if amount.seller_id == seller_books.seller.pk})


def _differences(
    posted: Mapping[tuple[Any, ...], Decimal],
    explained: Mapping[tuple[Any, ...], Decimal],
    names: tuple[str, ...],
    explained_name: str,
) -> Iterator[Row]:
    """Yield the keys whose posted balance, debits less credits, is not the explained one."""
    for key in sorted({*posted, *explained}):
        amount, other = posted.get(key, ZERO), explained.get(key, ZERO)
        if EXACT.compare(amount, other):
            yield {**dict(zip(names, key, strict=True)), "posted": amount, explained_name: other}


CHECKS = (
    Check("balances_of_roles_equal_their_tables", "B4", _balances),
    Check("shares_of_a_write_off_sum_to_its_claim", "B4", _WRITTEN_OFF),
    Check("deferred_revenue_is_earned_later", "B6", _deferred),
    Check("postings_of_a_month_are_those_of_its_documents", "B7", _documents),
    Check("prepaid_value_is_the_cost_left_of_purchases", "B8", _purchases),
    Check("each_line_is_recognized_over_its_service", "B10", _lines),
    Check("the_waterfall_adds_up", "B12", _waterfall),
)
