"""
Postings of a month, read for accounting files: sums by all columns that decide about accounts, and rows by source.

The postings of a locked month are summed and sorted by the database, since there may be millions of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from django.db import connection

from billing.models import Posting
from billing.revenue.accounting_files.account_rules import KeySum, PostingKey
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


class MonthPosting(NamedTuple):
    """A posting of a month, with the columns that accounting files need."""

    key: PostingKey
    currency: str
    source: str
    source_id: int
    month: date
    service_month: date
    amount: Decimal


class Postings(Protocol):
    """The postings that a batch is made of, in one currency."""

    def sums(self) -> list[KeySum]:
        """Return the sums by key."""
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
_TABLES = "billing_posting p {join} WHERE p.month = %(month)s AND p.lock_id = ANY(%(locks)s)"
_OF_CURRENCY = "AND p.currency = %(currency)s"
_SUMS = f"""
SELECT k.*, hashtextextended(ROW({_KEY.replace("p.", "k.").replace("{group}", "k.customer_group")})::text, 0)
FROM (
    SELECT {_KEY} AS customer_group, sum(p.amount), count(*)
    FROM {_TABLES} {_OF_CURRENCY} GROUP BY {", ".join(str(number) for number in range(1, 13))}
) k
"""  # noqa: S608
# A difference subtracts the rows that the earlier lock froze. COPY, since nothing else reads rows as fast.
_ROWS = f"""
COPY (
    SELECT p.source, p.source_id,
        CASE WHEN p.service_month = p.month THEN '' ELSE to_char(p.service_month, 'YYYY-MM') END,
        {_CODE}, CASE WHEN p.lock_id = %(lock)s THEN p.amount ELSE -p.amount END
    FROM {_TABLES} {_OF_CURRENCY}
    ORDER BY p.source COLLATE "C", p.source_id, 3, 4
) TO STDOUT
"""  # noqa: S608
# Sorting a million rows in memory takes 100 MB; on disk, it takes twice as long.
_SORT_MEMORY = "SET LOCAL work_mem = '256MB'"


class FrozenPostings:
    """
    The postings that a lock froze, in one currency, less those that an earlier lock of the same month did.

    by_group: whether customers' accounting groups are part of the keys. Without them, no customer is read.
    """

    def __init__(self, lock: MonthLock, currency: str, *, by_group: bool, less: MonthLock | None = None) -> None:
        self._lock, self._less = lock, less
        self._parameters = {"month": lock.month, "lock": lock.pk, "currency": currency}
        self._parts = {
            "group": "c.accounting_group" if by_group else "''",
            "join": "JOIN customers_customer c ON c.id = p.customer_id" if by_group else "",
        }

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
        statement = _ROWS.format(**self._parts)
        with connection.wrap_database_errors, connection.cursor() as cursor:
            cursor.execute(_SORT_MEMORY)
            with cursor.copy(statement, {**self._parameters, "locks": locks}) as copy:
                for source, source_id, service_month, code, amount in copy.rows():
                    yield SourceRow(source, int(source_id), service_month, int(code), Decimal(amount))

    def _sums_of(self, lock: MonthLock) -> list[KeySum]:
        rows = sql.fetch_rows(_SUMS.format(**self._parts), {**self._parameters, "locks": [lock.pk]})
        codes = _read_fee_codes(rows)
        sums = [
            KeySum(_key_of(row, codes), amount, postings, code)
            for row in rows
            for amount, postings, code in [row[12:]]
        ]
        if len({key_sum.code for key_sum in sums}) < len(sums):
            raise RuntimeError("Two keys of postings have one code. Export the month grouped, not in detail.")
        return sums


class LivePostings:
    """Postings that were read one by one, in one currency: those of an open month."""

    def __init__(self, postings: Iterable[MonthPosting]) -> None:
        self._postings = list(postings)
        self._codes = {key: code for code, key in enumerate({posting.key: None for posting in self._postings})}

    def sums(self) -> list[KeySum]:
        sums = {key: KeySum(key, Decimal(0), 0, code) for key, code in self._codes.items()}
        for posting in self._postings:
            before = sums[posting.key]
            sums[posting.key] = before._replace(amount=before.amount + posting.amount, postings=before.postings + 1)
        return list(sums.values())

    def rows(self) -> Iterator[SourceRow]:
        for posting in sorted(
            self._postings, key=lambda posting: (posting.source, posting.source_id, posting.service_month)
        ):
            service_month = "" if posting.service_month == posting.month else f"{posting.service_month:%Y-%m}"
            yield SourceRow(
                posting.source, posting.source_id, service_month, self._codes[posting.key], posting.amount
            )


def read_currencies(lock: MonthLock) -> list[str]:
    """Return the currencies of a lock's postings."""
    statement = f"SELECT DISTINCT p.currency FROM {_TABLES.format(join='')} ORDER BY 1"  # noqa: S608
    return sql.fetch_column(statement, {"month": lock.month, "locks": [lock.pk]})


def read_month_postings(seller: Seller, month: date) -> Iterator[MonthPosting]:
    """
    Yield the postings of a seller's month as they are now, for provisional files.

    Only frozen rows so far: a month without a lock has none.
    """
    postings = Posting.objects.filter(
        month=month, seller=seller, lock__unlocked_at__isnull=True, lock__frozen_at__isnull=False
    )
    columns = (
        *("debit", "credit", "kind", "plan_id", "feature_id", "fee_id", "pack_id", "country", "tax_name", "tax_rate"),
        *(
            "method",
            "customer__accounting_group",
            "currency",
            "source",
            "source_id",
            "month",
            "service_month",
            "amount",
        ),
    )
    rows = list(postings.order_by("pk").values_list(*columns))
    codes = _read_fee_codes(rows)
    for row in rows:
        yield MonthPosting(_key_of(row, codes), *row[12:])


def _key_of(columns: Sequence[Any], fee_codes: Mapping[int, str]) -> PostingKey:
    """Return the key of a row that begins with the columns of `_KEY`; the fee's code replaces its id."""
    debit, credit, kind, plan, feature, fee, pack, country, tax_name, tax_rate, method, group = columns[:12]
    fee_code = fee_codes.get(fee, "")
    return PostingKey(debit, credit, kind, plan, feature, fee_code, pack, country, tax_name, tax_rate, method, group)


def _read_fee_codes(rows: Iterable[Sequence[Any]]) -> dict[int, str]:
    return dict(Fee.objects.filter(pk__in={row[5] for row in rows} - {None}).values_list("pk", "code"))
