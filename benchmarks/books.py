"""
The waterfall over many lines, and the freezing of a month in which they earn, compared with the database's own
GROUP BY and COPY.
"""

import resource
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.db import connection, transaction

from benchmarks import sample_books, scratch_server
from benchmarks.measurement import Outcome, Report, compare
from billing.revenue.ledger.books import read_books
from billing.revenue.ledger.posting_table import create_partitions
from billing.revenue.month_end.month_freeze import CUSTOMERS_PER_ITEM, finish_freezing, freeze_postings
from billing.revenue.reports.waterfall import report_waterfall
from customers.models import Customer
from invoices.documents.locked_months import lock_month
from invoices.models import MonthLock, NumberSeries
from lib import sql
from plans.models import Fee, Plan, PlanVersion

MONTHS = 36
FIRST = date(2023, 1, 1)
NOW = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
CUSTOMERS = 20_000
LINES_OF_AN_INVOICE = 4
FEES = 50
MOST_WAIT_MS = 1_000.0
"""Issuing may wait so long for the lock of a month: docs/postings.md#locking-a-month."""

# A tenth of the lines is earned over a year, the others over a month.
_INVOICES = """
INSERT INTO invoices_invoice (id, kind, reference, seller_id, customer_id, sandbox, state, series_id, sequence,
    number, issued_at, issue_date, due_date, period_start, period_end, currency, net, tax, total, seller_facts,
    buyer_facts, purchase_order, note, created_at)
SELECT n, 'invoice', 'bench:' || n, %(seller)s, %(customer)s + n %% %(customers)s, false, 'issued',
    %(series)s, n, 'B-' || n, at, at::date, at::date + 14, at, at + interval '1 month', 'USD', 0, 0, 0, '{}',
    '{"country": "US"}', '', '', at
FROM generate_series(1, %(count)s) n, LATERAL (SELECT %(first)s::timestamptz
    + make_interval(months => ((n - 1) * %(months)s / %(count)s)::int, days => (n %% 28)::int,
        secs => (n %% 80000)::int) AS at) i
"""
_LINES = """
INSERT INTO invoices_line (invoice_id, position, kind, description, fee_id, service_start, service_end, quantity,
    unit, currency, amount, tax_rate, explanation)
SELECT i.id, n, 'fee', 'Fee', %(fee)s + (i.id * 7 + n) %% %(fees)s, i.issued_at, i.issued_at
    + CASE WHEN (i.id * 4 + n) %% 10 = 0 THEN interval '1 year' ELSE interval '1 month' END, 1, '', 'USD',
    1 + (i.id * 13 + n) %% 9999 * 0.01, 0, '{}'
FROM invoices_invoice i, generate_series(1, %(lines)s) n ORDER BY i.id
"""
_TOTALS = """
UPDATE invoices_invoice i SET net = l.amount, total = l.amount
FROM (SELECT invoice_id, sum(amount) AS amount FROM invoices_line GROUP BY 1) l WHERE l.invoice_id = i.id
"""
_GROUP = """
SELECT date_trunc('month', i.issued_at), date_trunc('month', l.service_start), sum(l.amount)
FROM invoices_line l JOIN invoices_invoice i ON i.id = l.invoice_id GROUP BY 1, 2
"""
_BARE = "CREATE TABLE bare_posting AS SELECT * FROM billing_posting WITH NO DATA"
_OF_LOCK = "SELECT * FROM billing_posting WHERE month = %(month)s AND lock_id = %(lock)s"


def run_waterfall(*, lines: int, rounds: int, report: Report) -> list[Outcome]:
    """Measure the waterfall of 36 months, all of them open, and with all but the last one locked."""
    with scratch_server.database():
        report(f"storing {lines:,} lines …")
        _store(lines, months=MONTHS)
        facts: dict[str, Any] = {"unit": "ms", "more_is_better": False, "rounds": rounds, "report": report}
        facts["measured"] = f"the waterfall of {lines:,} lines over {MONTHS} months"
        facts["against"] = "one GROUP BY of their net by month of issue and service"
        live = compare(_read_waterfall, _group, name="waterfall, open months", goal=4.0, **facts)
        report(f"locking {MONTHS - 1} months …")
        # All at the time of the last one, since no document of a month was issued after it was locked.
        at = _days_after(_month(MONTHS - 2))
        for number in range(MONTHS - 1):
            _freeze(_lock(_month(number), at=at))
        _analyze()
        locked = compare(_read_waterfall, _group, name="waterfall, locked months", goal=1.2, **facts)
        return [live, locked]


def run_freeze(*, lines: int, rounds: int, report: Report) -> list[Outcome]:
    """Measure the freezing of a month in which all lines earn, its memory, and how long issuing waits meanwhile."""
    with scratch_server.database(), TemporaryDirectory() as folder:
        report(f"storing {lines:,} lines …")
        _store(lines, months=1)
        month, file = _month(0), Path(folder) / "postings"
        sql.execute(_BARE)
        before = _memory()
        with transaction.atomic():
            lock = _lock(month)
            _freeze(lock)
            grown = _memory() - before
            count = lock.postings
            _copy_out(lock, file)
            transaction.set_rollback(True)
        report(f"{count:,} postings; the process grew by {grown / 1024:,.0f} MiB")
        facts: dict[str, Any] = {"more_is_better": False, "report": report}
        frozen = compare(
            lambda: _rolled_back(lambda: _freeze(_lock(month))),
            lambda: _rolled_back(lambda: _copy_in(file)),
            name=f"freeze, {lines:,} lines",
            measured=f"the month's {count:,} postings, their sums and digest",
            against="COPY of as many postings into a table without keys and indexes",
            unit="ms",
            goal=4.0,
            rounds=rounds,
            **facts,
        )
        waits = [_longest_wait(month) for _ in range(rounds)]
        waited = Outcome(
            name="freeze, issuing meanwhile",
            unit="ms",
            ours=tuple(waits),
            theirs=(MOST_WAIT_MS,) * rounds,
            measured="the longest wait for the number series",
            against="the time that it may wait",
            goal=1.0,
            more_is_better=False,
        )
        return [frozen, waited]


def _month(number: int) -> date:
    return date(FIRST.year + number // 12, number % 12 + 1, 1)


def _store(lines: int, *, months: int) -> None:
    seller = sample_books.seller()
    version = PlanVersion.objects.create(plan=Plan.objects.create(code="bench", name="Benchmark"), number=1)
    fees = [
        Fee.objects.create(version=version, currency="USD", amount=Decimal(20), code=f"f{number}", label=f"{number}")
        for number in range(FEES)
    ]
    sample_books.release(version, NOW)
    sample_books.add_customers(seller, CUSTOMERS)
    series = NumberSeries.objects.create(seller=seller, kind="invoice", sandbox=False)
    sql.execute("SET session_replication_role = replica")
    parameters = {
        "seller": seller.pk,
        "customer": Customer.objects.earliest("pk").pk,
        "customers": CUSTOMERS,
        "series": series.pk,
        "first": FIRST,
        "months": months,
        "count": lines // LINES_OF_AN_INVOICE,
        "fee": fees[0].pk,
        "fees": FEES,
        "lines": LINES_OF_AN_INVOICE,
    }
    for statement in (_INVOICES, _LINES, _TOTALS):
        sql.execute(statement, parameters)
    sql.execute("SET session_replication_role = origin")
    _analyze()


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _days_after(month: date) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 3, tzinfo=UTC)


def _lock(month: date, *, at: datetime | None = None) -> MonthLock:
    create_partitions([month])
    at = at or _days_after(month)
    return lock_month(seller=sample_books.seller(), month=month, checklist=[], note="", by=None, at=at)


def _freeze(lock: MonthLock) -> None:
    """Freeze a month as the job does, without its bookkeeping."""
    books = read_books(lock.seller, at=max(lock.locked_at, lock.ends_at))
    ids = list(Customer.objects.order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(ids), CUSTOMERS_PER_ITEM):
        last = min(first + CUSTOMERS_PER_ITEM, len(ids)) - 1
        freeze_postings(lock, books=books, customers=(ids[first], ids[last]))
    finish_freezing(lock, at=lock.locked_at)


def _read_waterfall() -> float:
    started = time.perf_counter()
    report = report_waterfall(sample_books.seller(), currency="USD", at=NOW, months=MONTHS)
    milliseconds = (time.perf_counter() - started) * 1e3
    assert len(report.rows) > MONTHS  # noqa: S101  the report is not empty
    return milliseconds


def _group() -> float:
    started = time.perf_counter()
    sql.fetch_rows(_GROUP)
    return (time.perf_counter() - started) * 1e3


def _rolled_back(act: Callable[[], None]) -> float:
    with transaction.atomic():
        started = time.perf_counter()
        act()
        took = (time.perf_counter() - started) * 1e3
        transaction.set_rollback(True)
    return took


def _copy_out(lock: MonthLock, file: Path) -> None:
    statement = f"COPY ({_OF_LOCK}) TO STDOUT"
    with (
        connection.cursor() as cursor,
        file.open("wb") as out,
        cursor.copy(statement, {"month": lock.month, "lock": lock.pk}) as copy,
    ):
        for block in copy:
            out.write(block)


def _copy_in(file: Path) -> None:
    with (
        connection.cursor() as cursor,
        file.open("rb") as rows,
        cursor.copy("COPY bare_posting FROM STDIN") as copy,
    ):
        while block := rows.read(1 << 20):
            copy.write(block)


def _memory() -> int:
    """Return the most memory that this process has had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _longest_wait(month: date) -> float:
    """Lock and freeze a month while another process takes the lock of the number series; return its longest wait."""
    connection.close()
    context = get_context("fork")
    is_over, longest = context.Event(), context.Value("d", 0.0)
    issuer = context.Process(target=_take_the_series, args=(is_over, longest), daemon=True)
    issuer.start()
    lock = _lock(month)
    _freeze(lock)
    is_over.set()
    issuer.join()
    sql.execute("SET session_replication_role = replica")
    for statement in (
        "DELETE FROM billing_posting",
        "DELETE FROM billing_postingsum",
        "DELETE FROM invoices_monthlock",
    ):
        sql.execute(statement)
    sql.execute("SET session_replication_role = origin")
    return float(longest.value)


def _take_the_series(is_over: Event, longest: "Synchronized[float]") -> None:
    """Lock the seller's number series repeatedly, as issuing does."""
    while not is_over.is_set():
        started = time.perf_counter()
        with transaction.atomic():
            list(NumberSeries.objects.select_for_update().filter(sandbox=False, kind="invoice"))
        longest.value = max(longest.value, (time.perf_counter() - started) * 1e3)
        time.sleep(0.001)
    connection.close()
