"""Accounting files of a locked month, compared with the database's own sums and its own copy of the same postings."""

import time
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection, transaction

from benchmarks import scratch_server
from benchmarks.measurement import Outcome, Report, compare
from billing.models import Account, AccountMapping
from billing.models.postings import Role
from billing.revenue.accounting_files.batches import make_batch
from billing.revenue.ledger.posting_table import create_partitions
from customers.models import Customer, Seller
from invoices.models import MonthLock

MONTH = date(2026, 1, 1)
ENDS_AT = datetime(2026, 2, 1, tzinfo=UTC)
AT = datetime(2026, 2, 2, tzinfo=UTC)
CUSTOMERS = 20_000

# Lines of 20 plans and 50 fees in 27 countries, each earned once, and a tenth of them taxed.
_POSTINGS = """
INSERT INTO billing_posting (month, lock_id, seller_id, currency, service_month, booked_month, customer_id, source,
    source_id, debit, credit, amount, kind, plan_id, fee_id, country, tax_name, tax_rate)
SELECT %(month)s, %(lock)s, %(seller)s, 'USD', %(month)s, %(month)s,
    %(customer)s + n * %(customers)s::bigint / %(count)s, 'line', n,
    CASE WHEN n %% 10 = 0 THEN 'receivable' ELSE 'deferred' END,
    CASE WHEN n %% 10 = 0 THEN 'tax' ELSE 'revenue' END,
    1 + n %% 9999 * 0.01, 'fee', n %% 20, n %% 50, chr(65 + n %% 9) || chr(65 + n %% 3),
    CASE WHEN n %% 10 = 0 THEN 'VAT' ELSE '' END, CASE WHEN n %% 10 = 0 THEN 19 END
FROM generate_series(1, %(count)s) n
"""
_ALL_OF_LOCK = "FROM billing_posting WHERE month = %(month)s AND lock_id = %(lock)s"
_GROUP = f"""
SELECT debit, credit, kind, plan_id, feature_id, fee_id, pack_id, country, tax_name, tax_rate, method, currency,
    sum(amount), count(*)
{_ALL_OF_LOCK} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
"""
_COPY = f"COPY (SELECT * {_ALL_OF_LOCK}) TO STDOUT"


def run(*, postings: int, rounds: int, report: Report) -> list[Outcome]:
    """Make the grouped file of a month, and the detailed one; nothing of it is kept between rounds."""
    with scratch_server.database():
        report(f"storing {postings:,} postings …")
        lock = _lock_month(postings)
        facts: dict[str, Any] = {"rounds": rounds, "report": report, "unit": "ms", "more_is_better": False}
        return [
            compare(
                lambda: _make(lock.seller, is_detailed=False),
                lambda: _group(lock),
                name=f"journal, {postings:,} postings grouped",
                measured="the general journal, mapped, stored and hashed",
                against="one GROUP BY over the postings",
                goal=1.5,
                **facts,
            ),
            compare(
                lambda: _make(lock.seller, is_detailed=True),
                lambda: _copy(lock),
                name=f"journal, {postings:,} postings in detail",
                measured="the general journal, an entry for each source, stored and hashed",
                against="COPY TO of the postings",
                goal=3,
                **facts,
            ),
        ]


def _lock_month(postings: int) -> MonthLock:
    seller = Seller.objects.create(code="acme", legal_name="Acme Inc.", country="US", currency="USD")
    for number, role in enumerate(Role.values):
        account = Account.objects.create(seller=seller, code=f"{1000 + number}", name=f"Account {number}")
        AccountMapping.objects.create(seller=seller, role=role, account=account, from_month=MONTH)
    customer = Customer.objects.create(seller=seller, external_id="c", legal_name="C", country="US", currency="USD")
    lock = MonthLock.objects.create(seller=seller, month=MONTH, locked_at=AT, ends_at=ENDS_AT)
    create_partitions([MONTH])
    with connection.cursor() as cursor:
        parameters = {"lock": lock.pk, "seller": seller.pk, "customer": customer.pk, "customers": CUSTOMERS}
        cursor.execute(_POSTINGS, {**parameters, "month": MONTH, "count": postings})
        lock.frozen_at, lock.postings, lock.digest = AT, postings, 0
        lock.save(update_fields=["frozen_at", "postings", "digest"])
        cursor.execute("VACUUM ANALYZE billing_posting")
    return lock


def _make(seller: Seller, *, is_detailed: bool) -> float:
    started = time.perf_counter()
    with transaction.atomic():
        make_batch(
            seller=seller, month=MONTH, target="journal", currency="USD", is_detailed=is_detailed, by=None, at=AT
        )
        took = (time.perf_counter() - started) * 1000
        transaction.set_rollback(True)
    return took


def _group(lock: MonthLock) -> float:
    with connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute(_GROUP, {"month": lock.month, "lock": lock.pk})
        cursor.fetchall()
        return (time.perf_counter() - started) * 1000


def _copy(lock: MonthLock) -> float:
    with connection.cursor() as cursor:
        started = time.perf_counter()
        with cursor.copy(_COPY, {"month": lock.month, "lock": lock.pk}) as copy:
            for _ in copy:
                pass
        return (time.perf_counter() - started) * 1000
