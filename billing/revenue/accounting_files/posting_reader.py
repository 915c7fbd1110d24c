"""
Postings of a month, read for accounting files: sums by all columns that decide about accounts, and rows by source.

The database sums and sorts them, since there may be millions: the frozen ones of a locked month, and those of an open
month as computed at the time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple, Protocol

from django.db import connection

from billing.revenue.accounting_files.account_rules import KeySum, PostingKey
from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.ledger.live_postings import parameters, postings_sql
from customers.models import Seller
from invoices.models import MonthLock
from lib import sql
from plans.models import Fee


class SourceRow(NamedTuple):
    """
    The sum of a source's postings of one key.

    service_month: such as 2026-01; empty if it is the month of the posting.
    """

    source: str
    source_id: int
    service_month: str
    code: int
    amount: Decimal


class Postings(Protocol):
    """The postings that a batch is made of, in one currency."""

    def sums(self) -> list[KeySum]:
        """Return the sums by key."""
        ...

    def earlier_sums(self) -> list[KeySum]:
        """Return the sums of the postings that an earlier lock of the month froze."""
        ...

    def rows(self) -> Iterator[SourceRow]:
        """Yield the rows by source, those of one source in a row."""
        ...


_KEY = """
    p.debit, p.credit, p.kind, p.plan_id, p.feature_id, p.fee_id, p.pack_id, p.country, p.tax_name, p.tax_rate,
    p.method, {group}
"""
# Sixty-four bits that stand for the key: a stream of rows repeats them instead of twelve columns.
_CODE = f"hashtextextended(ROW({_KEY})::text, 0)"
_SUMS = f"""
SELECT k.*, hashtextextended(ROW({_KEY.replace("p.", "k.").replace("{group}", "k.customer_group")})::text, 0)
FROM (
    SELECT {_KEY} AS customer_group, p.currency, sum(p.amount), count(*)
    FROM {{source}} GROUP BY {", ".join(str(number) for number in range(1, 14))}
) k
"""  # noqa: S608
# COPY, since nothing else reads rows as fast.
_ROWS = f"""
COPY (
    SELECT p.source, p.source_id,
        CASE WHEN p.service_month = p.month THEN '' ELSE to_char(p.service_month, 'YYYY-MM') END, {_CODE}, {{amount}}
    FROM {{source}}
    ORDER BY p.source COLLATE "C", p.source_id, 3, 4
) TO STDOUT
"""  # noqa: S608
# Sorting a million rows in memory takes 100 MB; on disk, it takes twice as long.
_SORT_MEMORY = "SET LOCAL work_mem = '256MB'"

_FROZEN = "billing_posting p {join} WHERE p.month = %(month)s AND p.lock_id = ANY(%(locks)s)"
_OF_CURRENCY = "AND p.currency = %(currency)s"
MAX_MEMORY = 16 * 2**20
"""Bytes of copied rows that are kept in memory; more are kept in a temporary file."""

# A difference subtracts the rows that the earlier lock froze.
_FROZEN_AMOUNT = "CASE WHEN p.lock_id = %(lock)s THEN p.amount ELSE -p.amount END"

# A file's sums and its rows are read by two statements; the postings of an open month may change in between. The
# table is made once for a connection; TRUNCATE is a right of its owner, which is the login itself.
_SNAPSHOT = """
CREATE TEMPORARY TABLE IF NOT EXISTS open_posting ON COMMIT DELETE ROWS AS
SELECT * FROM ({postings}) p WITH NO DATA;
TRUNCATE pg_temp.open_posting;
INSERT INTO pg_temp.open_posting SELECT * FROM ({postings}) p WHERE p.currency = %(currency)s
"""
_OPEN = "pg_temp.open_posting p {join}"


class FrozenPostings:
    """
    The postings that a lock froze, in one currency, less those that an earlier lock of the same month did.

    by_group: whether customers' accounting groups are part of the keys. Without them, no customer is read.
    """

    def __init__(self, lock: MonthLock, currency: str, *, by_group: bool, less: MonthLock | None = None) -> None:
        self._lock, self._less = lock, less
        self._parameters = {"month": lock.month, "lock": lock.pk, "currency": currency}
        self._parts = _parts(f"{_FROZEN} {_OF_CURRENCY}", by_group=by_group)

    def sums(self) -> list[KeySum]:
        """Return the sums of the lock's postings by key; the earlier lock's have no part in them."""
        return self._sums_of(self._lock)

    def earlier_sums(self) -> list[KeySum]:
        """Return the sums of the earlier lock's postings."""
        return self._sums_of(self._less) if self._less else []

    def rows(self) -> Iterator[SourceRow]:
        if self._less == self._lock:
            return
        locks = [self._lock.pk, *([self._less.pk] if self._less else [])]
        statement = _ROWS.format(**self._parts, amount=_FROZEN_AMOUNT)
        yield from _copy_rows(statement, {**self._parameters, "locks": locks})

    def _sums_of(self, lock: MonthLock) -> list[KeySum]:
        rows = sql.fetch_rows(_SUMS.format(**self._parts), {**self._parameters, "locks": [lock.pk]})
        return _single_currency(_key_sums(rows))


class OpenPostings:
    """
    The postings of an open month in one currency, as they were when this was made; within a transaction.

    books: up to that time, with the month. by_group: as of `FrozenPostings`.
    """

    def __init__(self, books: SellerBooks, month: date, currency: str, *, by_group: bool) -> None:
        self._parts = _parts(_OPEN, by_group=by_group)
        values = _month_parameters(books, month) | {"currency": currency}
        sql.execute(_SNAPSHOT.format(postings=postings_sql(books)), values)

    def sums(self) -> list[KeySum]:
        return _single_currency(_key_sums(sql.fetch_rows(_SUMS.format(**self._parts))))

    def earlier_sums(self) -> list[KeySum]:
        """Return no sums: no lock came before."""
        return []

    def rows(self) -> Iterator[SourceRow]:
        yield from _copy_rows(_ROWS.format(**self._parts, amount="p.amount"), {})


def read_sums(
    seller: Seller, month: date, *, lock: MonthLock | None, by_group: bool, at: datetime
) -> dict[str, list[KeySum]]:
    """
    Return the sums of a month's postings by key, by currency.

    lock: the one that froze the month; None for an open month, whose postings are computed as of `at`.
    """
    if lock is not None:
        statement = _SUMS.format(**_parts(_FROZEN, by_group=by_group))
        return _key_sums(sql.fetch_rows(statement, {"month": month, "locks": [lock.pk]}))
    books = read_books(seller, at=at)
    if month not in books.months:
        return {}
    statement = _SUMS.format(**_parts(f"({postings_sql(books)}) p {{join}}", by_group=by_group))
    return _key_sums(sql.fetch_rows(statement, _month_parameters(books, month)))


def read_currencies(seller: Seller, month: date, *, lock: MonthLock | None, at: datetime) -> list[str]:
    """Return the currencies that a month has postings in. lock, at: as of `read_sums`."""
    if lock is not None:
        source, values = _FROZEN.replace("{join}", ""), {"month": month, "locks": [lock.pk]}
    else:
        books = read_books(seller, at=at)
        if month not in books.months:
            return []
        source, values = f"({postings_sql(books)}) p", _month_parameters(books, month)
    return sql.fetch_column(f"SELECT DISTINCT p.currency FROM {source} ORDER BY 1", values)  # noqa: S608


def _parts(source: str, *, by_group: bool) -> dict[str, str]:
    """Return the parts of a statement that differ by source, and by whether customers' groups are read."""
    # Opening balances belong to no customer, so to no group.
    join = "LEFT JOIN customers_customer c ON c.id = p.customer_id" if by_group else ""
    return {
        "source": source.replace("{join}", join),
        "group": "coalesce(c.accounting_group, '')" if by_group else "''",
    }


def _month_parameters(books: SellerBooks, month: date) -> dict[str, Any]:
    place = books.place_of(month)
    return parameters(books, low=place, high=place)


def _copy_rows(statement: str, values: Mapping[str, Any]) -> Iterator[SourceRow]:
    # A connection that copies can do nothing else, and files are stored through the same one while rows are read.
    with SpooledTemporaryFile(MAX_MEMORY) as copied:
        with connection.wrap_database_errors, connection.cursor() as cursor:
            cursor.execute(_SORT_MEMORY)
            with cursor.copy(statement, values) as copy:
                for block in copy:
                    copied.write(block)
        copied.seek(0)
        for line in copied:
            source, source_id, service_month, code, amount = line.decode("ascii").rstrip("\n").split("\t")
            yield SourceRow(source, int(source_id), service_month, int(code), Decimal(amount))


def _key_sums(rows: Sequence[Sequence[Any]]) -> dict[str, list[KeySum]]:
    """
    Return rows of `_SUMS` by currency.

    :raises RuntimeError: if two keys of a currency have one code.
    """
    fee_codes = _read_fee_codes(rows)
    sums: dict[str, list[KeySum]] = {}
    for row in rows:
        currency, amount, postings, code = row[12:]
        sums.setdefault(currency, []).append(KeySum(_key_of(row, fee_codes), amount, postings, code))
    for of_currency in sums.values():
        if len({key_sum.code for key_sum in of_currency}) < len(of_currency):
            raise RuntimeError("Two keys of postings have one code. Export the month grouped, not in detail.")
    return sums


def _single_currency(sums: Mapping[str, list[KeySum]]) -> list[KeySum]:
    return next(iter(sums.values()), [])


def _key_of(columns: Sequence[Any], fee_codes: Mapping[int, str]) -> PostingKey:
    """Return the key of a row that begins with the columns of `_KEY`; the fee's code replaces its id."""
    debit, credit, kind, plan, feature, fee, pack, country, tax_name, tax_rate, method, group = columns[:12]
    fee_code = fee_codes.get(fee, "")
    return PostingKey(debit, credit, kind, plan, feature, fee_code, pack, country, tax_name, tax_rate, method, group)


def _read_fee_codes(rows: Iterable[Sequence[Any]]) -> dict[int, str]:
    return dict(Fee.objects.filter(pk__in={row[5] for row in rows} - {None}).values_list("pk", "code"))
