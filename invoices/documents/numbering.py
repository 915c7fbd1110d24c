"""
Gapless numbers, in the order of time.

`take` is called in the transaction that issues, after everything that can fail: the counter's row stays locked from
there to the commit, so a rollback gives the numbers back and no later number can be issued at an earlier time.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

MOST_CHARACTERS = 16
"""Of a number as printed: the longest that India's rule 46 allows, and short enough everywhere else."""

DIGITS = 6


class SeriesFull(Exception):
    """A series has no number of 16 characters left; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """
    Consecutive numbers of one series, from `first` on.

    issued_at: the time of issue of all of them: the caller's, or the series' last one where that is later.
    """

    series_id: int
    prefix: str
    first: int
    issued_at: datetime

    def text(self, offset: int) -> str:
        """
        Return the number at `offset` from the first as it is printed, such as INV-000042.

        :raises SeriesFull: if it has more than 16 characters.
        """
        printed = f"{self.prefix}{self.first + offset:0{DIGITS}d}"
        if len(printed) > MOST_CHARACTERS:
            raise SeriesFull(
                f"{printed} has more than {MOST_CHARACTERS} characters: start a series of a shorter prefix."
            )
        return printed


_TAKE = """
UPDATE invoices_numberseries
SET last_number = last_number + %s, last_issued_at = greatest(last_issued_at, %s)
WHERE id = %s RETURNING prefix, last_number, last_issued_at
"""


def take(*, series: int, count: int, at: datetime) -> Numbers:
    """
    Take `count` numbers (one or more) of a series by one update of its counter, inside the caller's transaction.

    Documents are issued at `at`, except where a document of the series bears a later time already: clocks of several
    workers differ a little, and a transaction that began earlier may come to its number later.

    :raises LookupError: if there is no such series.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [count, at, series])
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"There is no number series {series}.")
    prefix, last, issued_at = row
    return Numbers(series, prefix, last - count + 1, issued_at)


_FIND = """
SELECT id FROM invoices_numberseries
WHERE seller_id = %s AND kind = %s AND sandbox = %s AND test_clock_id IS NOT DISTINCT FROM %s ORDER BY id LIMIT 1
"""
_CREATE = """
INSERT INTO invoices_numberseries (seller_id, kind, sandbox, test_clock_id, code, prefix, last_number)
VALUES (%s, %s, %s, %s, %s, %s, 0) ON CONFLICT DO NOTHING
"""
_NEW = {
    ("invoice", False): ("invoices", "INV-"),
    ("invoice", True): ("sandbox", "TEST-"),
    ("credit_note", False): ("credit-notes", "CN-"),
    ("credit_note", True): ("sandbox-credit-notes", "TEST-CN-"),
}
"""(kind, sandbox) → code and prefix of a series that is made when there is none."""

_NEW_OF_CLOCK = {"invoice": ("clock-{}", "T{}-"), "credit_note": ("clock-{}-notes", "TC{}-")}
"""kind → the same for customers in the time of a test clock, by the clock's number."""


def series_for(*, seller_id: int, sandbox: bool, kind: str = "invoice", clock: int | None = None) -> int:
    """
    Return the id of the seller's series for live or for sandbox documents of a kind, made when there is none.

    clock: of customers in the time of this test clock.
    """
    asked = [seller_id, kind, sandbox, clock]
    with connection.cursor() as cursor:
        cursor.execute(_FIND, asked)
        if row := cursor.fetchone():
            return int(row[0])
        code, prefix = _NEW[kind, sandbox] if clock is None else (one.format(clock) for one in _NEW_OF_CLOCK[kind])
        cursor.execute(_CREATE, [*asked, code, prefix])
        cursor.execute(_FIND, asked)
        if row := cursor.fetchone():
            return int(row[0])
    world = "sandbox" if sandbox else "live"
    raise LookupError(f"Seller {seller_id} uses {prefix} or {code} for another series: add a {world} series by hand.")
