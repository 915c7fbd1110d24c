"""
Gapless numbers, in the order of time.

`take_numbers` is called in the transaction that issues, after everything that can fail: the counter's row stays
locked from there to the commit, so a rollback gives the numbers back and no later number can be issued at an earlier
time.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

MAX_CHARACTERS = 16
"""Maximum length of a printed number: the limit of India's rule 46, and short enough everywhere else."""

DIGITS = 6


class SeriesFull(Exception):
    """A series has no number of 16 characters left; the text gives the remedy."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """
    Consecutive numbers of one series, starting with `first`.

    issued_at: the common time of issue: the caller's, or the series' last one if that is later.
    """

    series_id: int
    prefix: str
    first: int
    issued_at: datetime

    def text(self, offset: int) -> str:
        """
        Return the number at `offset` from the first in print, such as INV-000042.

        :raises SeriesFull: if it has more than 16 characters.
        """
        printed = f"{self.prefix}{self.first + offset:0{DIGITS}d}"
        if len(printed) > MAX_CHARACTERS:
            raise SeriesFull(
                _("%(number)s has more than %(most)s characters. Start a series with a shorter prefix.")
                % {"number": printed, "most": MAX_CHARACTERS}
            )
        return printed


_TAKE = """
UPDATE invoices_numberseries
SET last_number = last_number + %s, last_issued_at = greatest(last_issued_at, %s)
WHERE id = %s RETURNING prefix, last_number, last_issued_at
"""


def take_numbers(*, series: int, count: int, at: datetime) -> Numbers:
    """
    Take `count` numbers (one or more) of a series by one update of its counter, inside the caller's transaction.

    Documents are issued at `at`, or at the series' last time of issue if that is later: the clocks of several workers
    differ a little, and a transaction that began earlier may take its number later.

    :raises LookupError: if there is no such series.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [count, at, series])
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"There is no number series {series}.")
    prefix, last_number, issued_at = row
    return Numbers(series, prefix, last_number - count + 1, issued_at)


_FIND = """
SELECT id FROM invoices_numberseries
WHERE seller_id = %s AND kind = %s AND sandbox = %s AND test_clock_id IS NOT DISTINCT FROM %s ORDER BY id LIMIT 1
"""
_CREATE = """
INSERT INTO invoices_numberseries (seller_id, kind, sandbox, test_clock_id, code, prefix, last_number)
VALUES (%s, %s, %s, %s, %s, %s, 0) ON CONFLICT DO NOTHING
"""
_DEFAULT_SERIES = {
    ("invoice", False): ("invoices", "INV-"),
    ("invoice", True): ("sandbox", "TEST-"),
    ("credit_note", False): ("credit-notes", "CN-"),
    ("credit_note", True): ("sandbox-credit-notes", "TEST-CN-"),
}
"""(kind, sandbox) → code and prefix of the series that is created when the seller has none."""

_DEFAULT_CLOCK_SERIES = {"invoice": ("clock-{}", "T{}-"), "credit_note": ("clock-{}-notes", "TC{}-")}
"""kind → code and prefix for customers on a test clock, with a placeholder for the clock's number."""


def series_for(*, seller_id: int, sandbox: bool, kind: str = "invoice", clock: int | None = None) -> int:
    """
    Return the id of the seller's series for live or sandbox documents of a kind, creating it if there is none.

    clock: the series of customers on this test clock.
    """
    parameters: list[int | str | None] = [seller_id, kind, sandbox, clock]
    with connection.cursor() as cursor:
        cursor.execute(_FIND, parameters)
        if row := cursor.fetchone():
            return int(row[0])
        code, prefix = (
            _DEFAULT_SERIES[kind, sandbox]
            if clock is None
            else (template.format(clock) for template in _DEFAULT_CLOCK_SERIES[kind])
        )
        # Another transaction may create it at the same time; then the second read finds that one.
        cursor.execute(_CREATE, [*parameters, code, prefix])
        cursor.execute(_FIND, parameters)
        if row := cursor.fetchone():
            return int(row[0])
    mode = "sandbox" if sandbox else "live"
    raise LookupError(f"Seller {seller_id} uses {prefix} or {code} for another series. Add a {mode} series manually.")
