"""
Compare random books with an independent reckoner of them: tests/billing/revenue/random_books.

The product makes the books by its own operations: invoices, credit notes, voids, payments, refunds, write-offs,
subscriptions with plan changes and late usage, credit purchases with use and expiry, estimates of breakage, locks and
unlocks, in several currencies and time zones. Each posting, the reports, and the checks of the audit are compared.
Books of one seller share its locks, so they are made together, in a transaction that is rolled back.
`--first 1250 --books 50` repeats the seller whose first book is 1250.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue

from django.db import connection, transaction

from billing.revenue.ledger.posting_table import create_partitions
from config.postgres import Cluster
from tests.billing.revenue.random_books.books import BOOKS, YEARS, make_books, make_catalog
from tests.billing.revenue.random_books.comparison import compare
from tests.conftest import clear_database_caches
from tests.prove.database_copies import connect_to, copy_database
from tests.prove.verdict import Verdict, say, table

WORKERS = 2
SHOWN_EVERY = 4


class _RolledBack(Exception):
    """Books are compared, and needed no more."""


def run(arguments: Sequence[str], _cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove books", description=__doc__)
    parser.add_argument("--books", type=int, default=10_000)
    parser.add_argument("--first", "--seed", type=int, default=0, help="the number of the first book")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--minutes", type=float, default=600, help="begin no more books after this time")
    options = parser.parse_args(arguments)
    begin = options.first - options.first % BOOKS
    first_books = range(begin, begin + options.books, BOOKS)
    verdict = Verdict(f"{len(first_books) * BOOKS:,} random books, {BOOKS} of a seller", seed=begin)
    give_up = time.monotonic() + options.minutes * 60
    make_catalog()
    create_partitions([date(year, month, 1) for year in YEARS for month in range(1, 13)])
    connection.close()
    tally: Counter[str] = Counter()
    copies: SimpleQueue[str] = get_context("fork").SimpleQueue()
    for number in range(options.workers):
        copies.put(copy_database(f"books_{number}"))
    with get_context("fork").Pool(options.workers, connect_to, [copies]) as pool:
        chunks = ((first, give_up) for first in first_books)
        for done, (found, counted) in enumerate(pool.imap_unordered(_compare, chunks), start=1):
            tally += counted
            for number, texts in sorted(found.items()):
                verdict.require(False, f"book {number}: {texts[0]}, and {len(texts) - 1} more")
            if counted and done % SHOWN_EVERY == 0:
                say(f"  {tally['books']:,}/{options.books:,} books")
    compared = tally["books"]
    say(f"  {compared:,} of {len(first_books) * BOOKS:,} books were compared")
    verdict.require(compared == len(first_books) * BOOKS, "all books are compared; raise --minutes")
    table(["compared", "times"], sorted(tally.items()))
    return verdict.conclude()


def _compare(chunk: tuple[int, float]) -> tuple[dict[int, list[str]], Counter[str]]:
    """Make and compare the books of a seller; return the differences of each, and counts of what is in them."""
    first, give_up = chunk
    if time.monotonic() > give_up:
        return {}, Counter()
    clear_database_caches()
    whole = transaction.atomic()
    whole._from_testcase = True  # type: ignore[attr-defined]  # durable blocks may run in it, and nothing is committed
    try:
        with suppress(_RolledBack), whole:
            comparison = compare(make_books(first))
            raise _RolledBack
    except Exception as error:
        connection.close()
        return {first: [f"can't be made: {type(error).__name__}: {error}"]}, Counter()
    return comparison.differences, comparison.tally
