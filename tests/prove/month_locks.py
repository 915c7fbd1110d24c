"""
Lock month after month while eight workers issue invoices, and kill the workers, those of the job that freezes the
month, and PostgreSQL.

In each round the workers first issue invoices that are dated in the month, until the lock refuses them; then they
close periods that reach into the next month, receive payments and write credit notes, while the month is frozen. A
process is killed in a place that it announced, and another one goes on with its work. At the end each fee and each
one-off line is earned in its service months once, as fractions of its seconds say, and the audit and the oracle find
nothing.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

import msgspec
import psycopg
from django.db import DatabaseError, InterfaceError, connection, transaction

from billing.closing import close_period
from billing.job_kinds import KINDS
from billing.jobs.controls import JobControlRefused, retry_failed
from billing.jobs.worker import work
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import parse_events
from billing.models import Job, Period
from billing.models.jobs import OPEN_STATES, JobState
from billing.revenue.accruals.accrual_run import accrue
from billing.revenue.ledger.books import read_books
from billing.revenue.ledger.live_postings import DETAILS
from billing.revenue.month_end import month_freeze
from billing.revenue.reports.entries import entry_parameters, movements_sql
from config.postgres import Cluster
from customers.models import Customer, Seller
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.documents.locked_months import lock_month
from invoices.models import Invoice, Line, MonthLock, Payment
from invoices.models.invoices import InvoiceState
from invoices.one_off_invoices import OneOffInvoiceRefused, OneOffLine, OneOffRequest, draft_invoice, issue_draft
from lib import sql
from tests.builders import fee, make_customer, make_plan, make_seller, offer, publish, rate, subscribe
from tests.prove import processes
from tests.prove.final_check import books_are_sound
from tests.prove.handshake import Handshake
from tests.prove.processes import until
from tests.prove.verdict import Verdict, say, table
from wallets.purchases import receive_payment

ISSUERS = 8
FREEZERS = 2
CUSTOMERS_OF_A_RANGE = 10
ISSUING = ("issue.before_numbers", "issue.after_numbers", "close.before_commit")
FREEZING = ("jobs.begun", "jobs.before_commit", "jobs.after_commit")
POSTGRES = "PostgreSQL"
ARRIVAL_SECONDS = 3
PATIENCE_SECONDS = 600
FIRST_MONTH = date(2026, 1, 1)
MOST_MONTHS = 8
CENT = Decimal("0.01")
INTERRUPTED = (DatabaseError, InterfaceError, psycopg.Error)


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove month_locks", description=__doc__)
    parser.add_argument("--months", type=int, default=5, choices=range(1, MOST_MONTHS + 1))
    parser.add_argument("--customers", type=int, default=400)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    title = f"{options.months} months locked, {ISSUERS} issuing workers, {options.kills} kills"
    verdict = Verdict(title, seed=options.seed)
    month_freeze.CUSTOMERS_PER_ITEM = CUSTOMERS_OF_A_RANGE
    seller, customer_ids = _subscribe_customers(options.customers, options.months)
    killed: Counter[str] = Counter()
    for number in range(options.months):
        # The work of a month may be over before its share of kills, which later months then take over.
        kills = -(-(options.kills - killed.total()) // (options.months - number))
        month = _Round(seller, _months_later(FIRST_MONTH, number), customer_ids, cluster, options.seed + number)
        month.run(kills, verdict)
        killed += month.killed
        say(f"  {month.month:%B %Y} is frozen; {killed.total():,}/{options.kills:,} kills")
    say("\nKills")
    table(["killed in", "times"], sorted(killed.items()))
    verdict.require(killed.total() == options.kills, "the months were frozen before all kills")
    _compare(seller, _time_of(_months_later(FIRST_MONTH, options.months), day=25), verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _subscribe_customers(count: int, months: int) -> tuple[Seller, list[int]]:
    """Subscribe customers from the 15th of the first month, each with usage on each day of all months."""
    seller = make_seller("lock", grace=timedelta(0))
    begin, end = _time_of(FIRST_MONTH, day=15), _time_of(_months_later(FIRST_MONTH, months), day=25)
    version = publish(
        make_plan(offers=[offer("calls", rates=[rate("0.07")])], fees=[fee("31.00", billed="arrears")]), begin
    )
    customers = [make_customer(f"lock-{number}", seller=seller) for number in range(count)]
    events = []
    for number, customer in enumerate(customers):
        subscribe(customer, version, begin)
        events += [
            {
                "id": f"{number}-{day}",
                "customer": customer.external_id,
                "event": "calls",
                "timestamp": (begin + timedelta(days=day, hours=number % 24)).isoformat(),
            }
            for day in range(0, (end - begin).days, 3)
        ]
    for first in range(0, len(events), 1000):
        body = msgspec.json.encode(events[first : first + 1000])
        parsed, refused, _ = parse_events(body, sandbox=False, at=end, oldest=begin, newest=end)
        assert not refused, refused
        record_events(events=parsed, sandbox=False, at=end, atomic=False)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return seller, [customer.pk for customer in customers]


def _months_later(month: date, count: int) -> date:
    return date(month.year + (month.month - 1 + count) // 12, (month.month - 1 + count) % 12 + 1, 1)


def _time_of(month: date, *, day: int) -> datetime:
    return datetime(month.year, month.month, day, tzinfo=UTC)


# A round ------------------------------------------------------------------------------------------------------------


class _Round:
    """
    One month: it is locked at `locked_at`, the 20th of the next month, while workers issue.

    running: name → its process, and the function by which another process goes on with its work.
    """

    def __init__(self, seller: Seller, month: date, customer_ids: Sequence[int], cluster: Cluster, seed: int) -> None:
        self.seller, self.month, self.customer_ids, self.cluster = seller, month, customer_ids, cluster
        self.ends_at = _time_of(_months_later(month, 1), day=1)
        self.locked_at = _time_of(_months_later(month, 1), day=20)
        self.chance, self.handshake = random.Random(seed), Handshake()
        self.killed: Counter[str] = Counter()
        self.running: dict[str, tuple[BaseProcess, Callable[[], None]]] = {}

    def run(self, kills: int, verdict: Verdict) -> None:
        for number in range(ISSUERS):
            own_ids = self.customer_ids[number::ISSUERS]
            self._start(f"issuer {number}", lambda own_ids=own_ids: self._issue(own_ids))
        self._await_a_third()
        job_id = self._lock()
        for number in range(FREEZERS):
            self._start(f"freezer {number}", lambda: self._freeze(job_id))
        for _ in range(kills):
            if not self._kill():
                break
        self._await_the_end(verdict)
        job = Job.objects.get(pk=job_id)
        verdict.require(job.state == JobState.DONE, f"the lock of {self.month:%B} is {job.get_state_display()}")
        frozen = MonthLock.objects.filter(seller=self.seller, month=self.month, frozen_at__isnull=False)
        verdict.require(frozen.exists(), f"{self.month:%B %Y} is not frozen")

    def _await_a_third(self) -> None:
        """Return when a third of the invoices of the month are issued, so that the lock comes in the middle."""
        connection.close()
        dated = Invoice.objects.exclude(state=InvoiceState.DRAFT).filter(purchase_order=f"{self.month:%Y-%m}")
        until(lambda: dated.count() * 3 >= len(self.customer_ids), seconds=PATIENCE_SECONDS)

    def _lock(self) -> int:
        with transaction.atomic():
            lock = lock_month(seller=self.seller, month=self.month, checklist=[], note="", by=None, at=self.locked_at)
            return month_freeze.start_freezing(lock, by=None, at=self.locked_at).pk

    def _start(self, name: str, target: Callable[[], None]) -> None:
        connection.close()  # no process may share it
        process = get_context("fork").Process(target=target, daemon=True)
        process.start()
        self.running[name] = process, target

    def _kill(self) -> bool:
        """Kill one process, or PostgreSQL, in a place that it announced; False if the work is over."""
        for place in self.chance.sample((*ISSUING, *FREEZING), len(ISSUING) + len(FREEZING)):
            if not self._is_at_work():
                return False
            self.handshake.order(place)
            if (arrival := self.handshake.arrival(seconds=ARRIVAL_SECONDS)) is None:
                continue
            name = next(name for name, (process, _) in self.running.items() if process.pid == arrival.pid)
            process, target = self.running[name]
            takes_postgres_along = self.chance.random() < 0.1
            if takes_postgres_along:
                processes.kill_postgres(self.cluster)
            process.kill()
            process.join()
            if takes_postgres_along:
                self.cluster.ensure_running()
            self.killed[POSTGRES if takes_postgres_along else place] += 1
            self._start(name, target)
            return True
        return False

    def _is_at_work(self) -> bool:
        """:raises RuntimeError: if a process ended by an error of its own, so that another one would, too."""
        failed = [name for name, (process, _) in self.running.items() if process.exitcode not in (None, 0)]
        if failed:
            raise RuntimeError(f"{', '.join(failed)} failed")
        return any(process.is_alive() for process, _ in self.running.values())

    def _await_the_end(self, verdict: Verdict) -> None:
        is_over = until(lambda: not self._is_at_work(), seconds=PATIENCE_SECONDS, look=0.2)
        verdict.require(is_over, f"the work of {self.month:%B %Y} is not over after {PATIENCE_SECONDS} s")
        for process, _ in self.running.values():
            process.kill()

    # The work of a process ------------------------------------------------------------------------------------------

    def _freeze(self, job_id: int) -> None:
        def is_done() -> bool:
            work(kinds=KINDS, clock=lambda: self.locked_at, job_id=job_id)
            if Job.objects.filter(pk=job_id, state=JobState.FAILED).exists():
                # An item whose workers were killed five times has failed. Finance tries it again.
                with suppress(JobControlRefused):  # the other process was faster
                    retry_failed(job_id=job_id, by=None, at=self.locked_at)
            return not Job.objects.filter(pk=job_id, state__in=(*OPEN_STATES, JobState.FAILED)).exists()

        until(lambda: _retry(is_done), seconds=PATIENCE_SECONDS, look=0.1)
        connection.close()

    def _issue(self, customer_ids: Sequence[int]) -> None:
        """Issue the documents of these customers, each once; another process goes on where one was killed."""
        for act in (self._issue_one_off, self._close, self._pay, self._credit):
            for customer_id in customer_ids:
                _retry(lambda act=act, customer_id=customer_id: act(customer_id))
        connection.close()

    def _issue_one_off(self, customer_id: int) -> None:
        """Issue an invoice at the month's end, or after the lock if the month is locked."""
        invoice = self._find_one_off(customer_id) or self._draft(customer_id)
        if invoice.state == InvoiceState.DRAFT:
            try:
                issue_draft(invoice_id=invoice.pk, at=self.ends_at - timedelta(hours=1))
            except OneOffInvoiceRefused:  # the month is locked
                issue_draft(invoice_id=invoice.pk, at=self.locked_at)

    def _draft(self, customer_id: int) -> Invoice:
        line = OneOffLine(
            description="Work over a month",
            unit_price=Decimal(customer_id % 1000 + 1) / 7 // CENT * CENT,
            first_day=self.month.replace(day=2 + customer_id % 27),
            last_day=_months_later(self.month, 1).replace(day=1 + customer_id % 19),
        )
        return draft_invoice(
            customer=Customer.objects.get(pk=customer_id),
            request=OneOffRequest(lines=[line], purchase_order=f"{self.month:%Y-%m}"),
            at=self.ends_at - timedelta(hours=1),
        )

    def _find_one_off(self, customer_id: int) -> Invoice | None:
        return Invoice.objects.filter(customer=customer_id, purchase_order=f"{self.month:%Y-%m}").first()

    def _close(self, customer_id: int) -> None:
        due = Period.objects.filter(
            subscription__customer=customer_id, state="open", ends_at__lte=self.locked_at
        ).order_by("ends_at")
        for period_id in due.values_list("pk", flat=True):
            close_period(period_id=period_id, at=self.locked_at)

    def _pay(self, customer_id: int) -> None:
        invoice = self._find_one_off(customer_id)
        reference = f"transfer {invoice.pk}"
        if customer_id % 3 == 0 and not Payment.objects.filter(reference=reference).exists():
            receive_payment(
                invoice_id=invoice.pk,
                amount=invoice.total.amount / 2 // CENT * CENT + CENT,
                method="manual",
                reference=reference,
                at=self.locked_at,
                paid_at=self.locked_at,
            )

    def _credit(self, customer_id: int) -> None:
        invoice = self._find_one_off(customer_id)
        if customer_id % 5 == 0 and not invoice.credited and invoice.total.amount > 1:
            credit = RequestedCredit(1, Decimal(1))
            issue_credit_note(invoice_id=invoice.pk, lines=[credit], reason="agreed", to="balance", at=self.locked_at)


def _retry(act: Callable[[], bool | None]) -> bool:
    """Repeat an act until PostgreSQL lets it end, and return its answer; it looks first for what others have done."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return bool(act())
        except INTERRUPTED:
            with suppress(*INTERRUPTED):
                connection.close()
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


# The comparison -----------------------------------------------------------------------------------------------------

_EARNED = """
SELECT e.customer_id, e.service_month, CASE WHEN e.kind = 'one_off' THEN e.source_id ELSE 0 END, -sum(e.change)
FROM ({movements}) e
WHERE e.role = 'revenue' AND e.kind IN ('fee', 'one_off') AND e.source IN ('line', 'accrual')
    AND NOT EXISTS (SELECT FROM invoices_line n WHERE e.source = 'line' AND n.id = e.source_id AND n.kind = 'credit')
GROUP BY 1, 2, 3
"""


def _compare(seller: Seller, at: datetime, verdict: Verdict) -> None:
    """Require that each fee and each one-off line is earned in its service months, no more and no less."""
    connection.close()
    books = read_books(seller, at=at)
    accrue(books, at=at)
    statement = _EARNED.format(movements=movements_sql(books, *DETAILS))
    earned = {
        (customer_id, month, line_id): Fraction(amount)
        for customer_id, month, line_id, amount in sql.fetch_rows(statement, entry_parameters(books))
        if amount
    }
    expected: Counter[tuple[int, date, int]] = Counter()
    spans = list(
        Line.objects.filter(kind__in=("fee", "one_off"), invoice__kind="invoice").values_list(
            "invoice__customer_id", "kind", "pk", "amount", "service_start", "service_end"
        )
    )
    for period in Period.objects.filter(state="open", starts_at__lt=at).select_related("subscription"):
        spans.append((period.subscription.customer_id, "fee", 0, Decimal(31), period.starts_at, period.ends_at))
    for customer_id, kind, line_id, amount, start, end in spans:
        for month, share in _shares(Fraction(amount), start, end, at):
            expected[customer_id, month, line_id if kind == "one_off" else 0] += share
    wrong = [key for key in {*earned, *expected} if earned.get(key, 0) != expected.get(key, 0)]
    for customer_id, month, line_id in sorted(wrong)[:5]:
        key = customer_id, month, line_id
        texts = f"{float(earned.get(key, 0))}, not {float(expected.get(key, 0))}"
        verdict.require(False, f"customer {customer_id} earned in {month:%B} (line {line_id}): {texts}")
    verdict.require(not wrong, f"{len(wrong):,} of {len(expected):,} amounts are wrong")
    locks = MonthLock.objects.filter(seller=seller)
    documents = Counter(Invoice.objects.values_list("kind", flat=True))
    say(
        f"  {len(expected):,} amounts of service months were compared, in {locks.count()} locked months and open ones"
    )
    say(f"  {documents['invoice']:,} invoices and {documents['credit_note']:,} credit notes were issued")


def _shares(net: Fraction, start: datetime, end: datetime, at: datetime) -> list[tuple[date, Fraction]]:
    """Return (month, amount) of a line that is earned evenly by the second, up to a time, rounded cumulatively."""
    shares, booked, month = [], Fraction(0), date(start.year, start.month, 1)
    while _time_of(month, day=1) < min(end, at):
        following = _months_later(month, 1)
        until_ = min(_time_of(following, day=1), end, at)
        whole = (
            net
            * Fraction((until_ - start) / timedelta(microseconds=1))
            / Fraction((end - start) / timedelta(microseconds=1))
        )
        by_then = Fraction(int(whole * 100 + Fraction(1, 2)), 100)
        shares.append((month, by_then - booked))
        booked, month = by_then, following
    return [(month, share) for month, share in shares if share]
