"""
Postings computed from their sources, in one statement: docs/postings.md.

Everything is *cumulative, minus booked*. For an open month, the postings are the increases of the sources' cumulative
amounts in it. For a locked month, the frozen ones hold; where a source gives another amount by now, the difference is
booked in the first open month and names the month it belongs to.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from billing.revenue.ledger.books import SellerBooks
from billing.revenue.ledger.sources import (
    accruals,
    contra_lines,
    lines,
    openings,
    prepaid,
    receivables,
    write_offs,
)
from billing.revenue.ledger.sources.line_choices import ALL_LINES, NEAR_LINES, LineChoice, issued_since


class Source(NamedTuple):
    """
    A source of postings.

    name: as stored. rows: the SELECT of its rows. customer, id: the columns in it that narrow it.
    changed: SELECT of the ids that may have changed since `b.since`, with a time that no posting of theirs precedes;
        empty if its rows are never dated in the past. is_changed: the condition on a row that has one of these ids,
        where the planner can judge another one than that.
    """

    name: str
    rows: str
    customer: str
    id: str
    changed: str = ""
    is_changed: str = ""


# A lock and a change of a source run on machines whose clocks may differ.
_MARGIN = "interval '10 minutes'"
_IS_NEW = issued_since(f"b.since - {_MARGIN}")
_INVOICES = f"i.seller_id = b.seller AND NOT i.sandbox AND i.state <> 'draft' AND {_IS_NEW}"
_NEW = f"SELECT n.* FROM invoices_invoice i JOIN invoices_line n ON n.invoice_id = i.id WHERE {_INVOICES}"  # noqa: S608
_NEW_LINES = LineChoice(_NEW, _NEW)
_LINES = f"""
SELECT l.id, least(l.service_start, i.issued_at) AS at
FROM b CROSS JOIN invoices_line l JOIN invoices_invoice i ON i.id = l.invoice_id AND {_INVOICES}
"""  # noqa: S608
_IS_OF_NEW_INVOICE = f"l.issued_at >= b.since - {_MARGIN}"

SOURCES = (
    Source("line", lines.ROWS, "l.customer_id", "l.id", _LINES, _IS_OF_NEW_INVOICE),
    Source("line", lines.INCLUSIVE_ROWS, "l.customer_id", "l.id", _LINES, _IS_OF_NEW_INVOICE),
    Source("line", lines.DISCOUNT_ROWS, "l.customer_id", "l.id", _LINES, _IS_OF_NEW_INVOICE),
    # All of these have the name "line": what is frozen of any is taken off, so that all are computed again.
    Source("line", contra_lines.NOTE_ROWS, "l.customer_id", "c.id", _LINES),
    Source("write_off", contra_lines.WRITE_OFF_ROWS, "l.customer_id", "c.id"),
    Source("write_off", write_offs.ROWS, "i.customer_id", "o.id"),
    Source(
        "invoice",
        receivables.TAX_ROWS,
        "i.customer_id",
        "i.id",
        f"SELECT i.id, i.issued_at AS at FROM b JOIN invoices_invoice i ON {_INVOICES}",  # noqa: S608
    ),
    Source(
        "payment",
        receivables.PAYMENT_ROWS,
        "i.customer_id",
        "p.id",
        f"SELECT p.id, least(p.paid_at, p.created_at) AS at FROM b CROSS JOIN invoices_payment p"  # noqa: S608
        f" JOIN invoices_invoice i ON i.id = p.invoice_id AND i.seller_id = b.seller AND NOT i.sandbox"
        f" WHERE p.created_at >= b.since - {_MARGIN}",
    ),
    Source("balance", receivables.BALANCE_ROWS, "e.customer_id", "e.id"),
    Source(
        "refund",
        receivables.REFUND_ROWS,
        "r.customer_id",
        "r.id",
        f"SELECT r.id, r.created_at AS at FROM b CROSS JOIN invoices_refund r"  # noqa: S608
        f" WHERE greatest(r.created_at, r.settled_at) >= b.since - {_MARGIN}",
    ),
    Source("purchase", prepaid.ROWS, "i.customer_id", "u.id"),
    Source("accrual", accruals.ROWS, "s.customer_id", "p.id", accruals.CHANGED.replace("{margin}", _MARGIN)),
    Source("opening", openings.ROWS, "0", "o.id"),
)

CASH = ("payment", "balance", "refund")
"""Sources that move cash; opening balances only state it."""

_ALL_CUSTOMERS = (0, 2**62)

# Not materialized, the row's values are constants of the statement, which parallel workers share.
_BOOKS = """
b AS NOT MATERIALIZED (
    SELECT %(seller)s::bigint AS seller, %(zone)s::text AS zone, %(months)s::date[] AS months,
        %(ends)s::timestamptz[] AS ends, %(after_ends)s::timestamptz[] AS after_ends,
        %(seconds)s::float8[] AS seconds, %(places)s::int[] AS places, %(last)s::int AS last,
        %(running)s::int AS running, {low} AS low, {high} AS high, %(open)s::int AS open,
        %(locked_at)s::timestamptz AS since, %(discounts)s::int AS discounts_from, %(locks)s::bigint[] AS locks,
        %(first_customer)s::bigint AS first_customer, %(last_customer)s::bigint AS last_customer
)
"""
_OPEN = _BOOKS.format(low="greatest(%(low)s::int, %(open)s::int)", high="%(high)s::int")
_LOCKED = _BOOKS.format(low="1", high="%(open)s::int - 1")
ALL_MONTHS = _BOOKS.format(low="%(low)s::int", high="%(high)s::int")
"""The row `b` of all months, locked ones included."""

DETAILS = (
    *("currency", "service_month", "booked_month", "customer_id", "source", "source_id", "debit", "credit", "kind"),
    *("plan_id", "feature_id", "fee_id", "pack_id", "country", "tax_name", "tax_rate", "method"),
)
"""The columns that tell one posting from another, beyond its accounting month."""

_PLACES = {"service_month": "service", "booked_month": "booked"}
_COLUMNS = ", ".join(DETAILS)


def parameters(
    books: SellerBooks, *, low: int, high: int, customers: tuple[int, int] = _ALL_CUSTOMERS
) -> dict[str, Any]:
    """
    Return the parameters of `postings_sql`.

    low, high: the places of the first and last accounting month. customers: the first and last id.
    """
    apart = books.seller.discounts_apart_from or date.max
    return {
        "seller": books.seller.pk,
        "zone": books.seller.time_zone,
        "months": list(books.months),
        "ends": list(books.ends),
        "after_ends": [end + timedelta(microseconds=1) for end in books.ends],
        "seconds": [end.timestamp() for end in books.ends],
        # Two more, which number the postings of a line's issue.
        "places": list(range(1, len(books.months) + 3)),
        "last": len(books.months),
        "running": books.running,
        "low": low,
        "high": high,
        "open": books.first_open,
        "locked_at": books.locked_at,
        "discounts": books.place_of(apart) if apart <= books.months[-1] else len(books.months) + 1,
        "locks": list(books.locks.values()),
        "first_customer": customers[0],
        "last_customer": customers[1],
    }


def postings_sql(books: SellerBooks, *, ignores_locks: bool = False, sources: Sequence[Source] = SOURCES) -> str:
    """
    Return the SELECT of the postings of a seller's open months: `month`, `DETAILS` and `amount`.

    ignores_locks: compute all months as if none were locked; the audit compares them with the frozen ones.
    sources: all that have the name of one of them, since frozen postings are taken off by name.
    """
    rows = _rows(books, ignores_locks=ignores_locks, sources=sources)
    # Without OFFSET, the condition would be part of each source, whose amounts would be computed twice.
    return f"SELECT * FROM ({rows} OFFSET 0) p WHERE p.amount <> 0"  # noqa: S608


def sums_sql(books: SellerBooks, columns: Sequence[str]) -> str:
    """Return the SELECT of sums of these postings by month and some of `DETAILS`: `month`, columns and `amount`."""
    return _rows(books, columns)


def _rows(
    books: SellerBooks,
    columns: Sequence[str] = DETAILS,
    *,
    ignores_locks: bool = False,
    sources: Sequence[Source] = SOURCES,
) -> str:
    """
    Return the SELECT of the postings with these columns, where an amount may be zero.

    Without the source's id among them, those of open months are added up.
    """
    names = ", ".join(columns)
    if ignores_locks or not books.locks:
        return f"(WITH {ALL_MONTHS} {_live(sources, columns)})"
    with_changes = [source for source in sources if source.changed]
    # Frozen postings of the sources that may have changed are taken off what these sources give now.
    return f"""
(WITH {_OPEN} {_live(sources, columns, choice=NEAR_LINES)})
UNION ALL
(WITH {_LOCKED}, changed AS MATERIALIZED ({_changed_ids(with_changes)})
SELECT b.months[b.open] AS month, {names}, late.amount
FROM b CROSS JOIN (
    SELECT {_COLUMNS}, sum(amount) AS amount FROM (
        SELECT {_COLUMNS}, amount FROM ({_live(with_changes, DETAILS, only_changed=True, choice=_NEW_LINES)}) now
        UNION ALL
        SELECT {", ".join(f"p.{name}" for name in DETAILS)}, -p.amount FROM b CROSS JOIN billing_posting p
        WHERE p.seller_id = b.seller AND p.month < b.months[b.open] AND p.lock_id = ANY(b.locks)
            AND p.customer_id BETWEEN b.first_customer AND b.last_customer
            AND (p.source, p.source_id) IN (SELECT source, source_id FROM changed)
            AND p.month >= (
                SELECT (date_trunc('month', min(at) AT TIME ZONE %(zone)s) - interval '1 month')::date FROM changed)
    ) both_ GROUP BY {_COLUMNS} HAVING sum(amount) <> 0
) late
WHERE b.open BETWEEN %(low)s AND %(high)s)
"""  # noqa: S608


def _live(
    sources: Iterable[Source], columns: Sequence[str], *, only_changed: bool = False, choice: LineChoice = ALL_LINES
) -> str:
    """
    Return the SELECT of the sources' postings by their service months, within an enclosing `b`.

    choice: of invoice lines, with all that may have postings in these months.

    Without the source's id among the columns, they are added up by places, since months of the books are looked up.
    """
    statements = [
        source.rows.format(
            customers=f"{source.customer} BETWEEN b.first_customer AND b.last_customer",
            changed=_is_changed(source) if only_changed else "true",
            **choice._asdict(),
        )
        for source in sources
    ]
    if "source_id" not in columns:
        # Source by source, since parallel workers can add up those of lines, but not all others.
        keys = ", ".join(dict.fromkeys(("service", *(_PLACES.get(name, name) for name in columns))))
        statements = [
            f"SELECT {keys}, sum(amount) AS amount FROM ({rows}) r GROUP BY {keys}"  # noqa: S608
            for rows in statements
        ]
    rows = "\nUNION ALL\n".join(statements)
    values = ", ".join(
        f"b.months[r.{_PLACES[name]}] AS {name}" if name in _PLACES else f"r.{name}" for name in columns
    )
    return f"SELECT b.months[r.service] AS month, {values}, r.amount FROM b CROSS JOIN ({rows}) r"  # noqa: S608


def _is_changed(source: Source) -> str:
    is_one = f"{source.id} IN (SELECT source_id FROM changed WHERE source = '{source.name}')"  # noqa: S608
    return source.is_changed or is_one


def _changed_ids(sources: Iterable[Source]) -> str:
    selects = (
        f"SELECT '{source.name}' AS source, x.id AS source_id, x.at FROM ({source.changed}) x"  # noqa: S608
        for source in sources
    )
    return " UNION ALL ".join(dict.fromkeys(selects))
