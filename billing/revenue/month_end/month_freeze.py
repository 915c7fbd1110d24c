"""
Freeze the postings of a month that is being locked, as a job: docs/postings.md#locking-a-month.

An item is a range of customers. It brings their accruals up to date; then one statement writes all their postings, so
that it sees each customer's invoices, payments and accruals at one moment; nothing waits for it. Whatever changes
afterwards is booked in the next month, as the difference from the frozen postings.
"""

from collections.abc import Iterator
from datetime import date, datetime
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition
from billing.models import Job, JobItem
from billing.models.jobs import JobKind
from billing.revenue.accruals.accrual_run import accrue
from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.ledger.live_postings import DETAILS, parameters, postings_sql
from billing.revenue.ledger.posting_table import analyze_partition, create_partition_of_lock
from billing.revenue.metrics.frozen_months import freeze_recurring_revenue
from billing.revenue.month_end.emails import mail_closed_month
from customers.models import Seller
from invoices.documents.locked_months import MonthLockRefused
from invoices.models import MonthLock
from lib import sql

_UNRATED = (
    "%s periods can't be rated, so their revenue is unknown. Fix the causes on the month's checklist, then retry."
)

CUSTOMERS_PER_ITEM = 10_000
"""Customers frozen by one statement: it reads the seller's lines once, so ranges are large."""

_DETAILS = ", ".join(DETAILS)
_FREEZE = f"""
INSERT INTO billing_posting (month, lock_id, seller_id, {_DETAILS}, amount)
SELECT p.month, %(lock)s, %(seller)s, {", ".join(f"p.{name}" for name in DETAILS)}, p.amount
FROM ({{postings}}) p ORDER BY p.customer_id
"""  # noqa: S608

# Sums that don't tell customers and their rows apart: reports of locked months read these few rows.
_SUMMED = [name for name in DETAILS if name not in ("customer_id", "source_id")]
_SUMS = f"""
INSERT INTO billing_postingsum (lock_id, {", ".join(_SUMMED)}, amount, postings)
SELECT lock_id, {", ".join(_SUMMED)}, sum(amount), count(*) FROM billing_posting
WHERE month = %(month)s AND lock_id = %(lock)s GROUP BY lock_id, {", ".join(_SUMMED)}
"""  # noqa: S608

DIGEST = f"""
SELECT count(*), coalesce(sum(
    ('x' || left(md5(ROW(month, lock_id, seller_id, {_DETAILS}, amount)::text), 15))::bit(60)::bigint::numeric), 0)
FROM billing_posting WHERE month = %(month)s AND lock_id = %(lock)s
"""  # noqa: S608
"""The number of a lock's postings and the sum of their digests, which does not depend on their order."""


def start_freezing(lock: MonthLock, *, by: User | None, at: datetime) -> Job:
    """
    Store the job that freezes the postings of a month, in the transaction that locks it.

    :raises MonthLockRefused: if an earlier month of the seller's books is open.
    """
    refuse_out_of_order(lock.seller, lock.month, at=at)
    create_partition_of_lock(lock.month)
    return start.start(
        kind=JobKind.MONTH_LOCK,
        title=f"Lock {lock.month:%B %Y} of {lock.seller}",
        parameters={"lock": lock.pk},
        dry_run=False,
        by=by,
        at=at,
    )


def refuse_out_of_order(seller: Seller, month: date, *, at: datetime) -> None:
    """:raises MonthLockRefused: if an earlier month of the seller's books is open; the text names it."""
    books = read_books(seller, at=at)
    if month > books.first_open_month:
        text = _("%(month)s of %(seller)s is still open. Lock months in order.")
        raise MonthLockRefused(text % {"month": f"{books.first_open_month:%B %Y}", "seller": seller})


def _create_items(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    first, number = (after.parameters["last"] + 1, after.number + 1) if after else (0, 1)
    last_id = next(iter(sql.fetch_column("SELECT coalesce(max(id), 0) FROM customers_customer")))
    while first <= last_id or number == 1:
        last = next(
            iter(
                sql.fetch_column(
                    "SELECT id FROM customers_customer WHERE id >= %s ORDER BY id OFFSET %s LIMIT 1",
                    [first, CUSTOMERS_PER_ITEM - 1],
                )
            ),
            last_id,
        )
        yield JobItem(job=job, number=number, parameters={"first": first, "last": last})
        first, number = last + 1, number + 1


def _freeze_customers(item: JobItem, at: datetime) -> ItemOutcome:
    lock = MonthLock.objects.select_related("seller").get(pk=item.job.parameters["lock"])
    if lock.unlocked_at is not None:
        return ItemOutcome(unfinished="The month was unlocked meanwhile; its postings are not needed.")
    customers = item.parameters["first"], item.parameters["last"]
    until = max(at, lock.ends_at)
    books = read_books(lock.seller, at=until)
    # The months before it, too: their late usage is booked in this one.
    accrued = accrue(books, at=until, months=(1, books.place_of(lock.month)), customers=customers)
    if accrued.failed:
        return ItemOutcome(unfinished=_UNRATED % accrued.failed)
    postings = freeze_postings(lock, books=books, customers=customers)
    recurring = freeze_recurring_revenue(lock=lock, customers=customers)
    return ItemOutcome({"postings": postings, "recurring revenue": recurring})


def freeze_postings(lock: MonthLock, *, books: SellerBooks, customers: tuple[int, int]) -> int:
    """Write the postings of a range of customers, and return their number."""
    place = books.place_of(lock.month)
    values = parameters(books, low=place, high=place, customers=customers)
    return sql.execute(_FREEZE.format(postings=postings_sql(books)), values | {"lock": lock.pk})


def finish_freezing(lock: MonthLock, *, at: datetime) -> None:
    """Write the sums and the digest of a month's postings; from then on it is frozen."""
    values = {"month": lock.month, "lock": lock.pk}
    analyze_partition(lock.month)
    sql.execute(_SUMS, values)
    ((lock.postings, lock.digest),) = sql.fetch_rows(DIGEST, values)
    lock.frozen_at = max(at, lock.locked_at)
    lock.save(update_fields=["frozen_at", "postings", "digest"])


def _complete(job: Job, at: datetime) -> None:
    # Row lock: an unlocking comes before or after, so that no undone lock is marked as frozen.
    lock = MonthLock.objects.select_for_update(no_key=True).get(pk=job.parameters["lock"])
    if lock.unlocked_at is None:
        finish_freezing(lock, at=at)
        # After the commit, so that a mail server holds no lock; robust, since the month is closed in any case.
        transaction.on_commit(partial(mail_closed_month, lock.pk, at=at), robust=True)


MONTH_LOCK = JobDefinition(
    permission="invoices.lock_month", split=_create_items, process=_freeze_customers, complete=_complete
)
"""The job that freezes a month's postings."""
