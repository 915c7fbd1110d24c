"""
Random books, made by the operations of the product: many customers of one seller, so that a lock serves all of them.

A book is that of one customer, and its number is the seed of everything that happens in it. The seller's calendar,
locks and settings follow from the number of its first book.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection
from django.db.models import Exists, OuterRef

from billing.closing import bill_late_usage, close_due
from billing.job_kinds import KINDS
from billing.jobs import worker
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import parse_events
from billing.models import Subscription
from billing.revenue.accruals.accrual_run import accrue
from billing.revenue.ledger.books import read_books
from billing.revenue.month_end.month_freeze import start_freezing
from billing.subscriptions.plan_changes.plan_change import ChangeRefused, change_plan
from customers.models import Customer, Seller
from invoices.amounts.totals import Tax
from invoices.credit_notes import issue_credit_note
from invoices.credit_notes.credit_note import CreditRefused, RequestedCredit
from invoices.credit_notes.void import void_invoice
from invoices.documents.drafts import Draft, DraftLine, DraftShare
from invoices.documents.issue import issue, write_lines
from invoices.documents.locked_months import lock_month, unlock_month
from invoices.models import Invoice, Line, MonthLock, Refund
from invoices.payments.manual_payments import PaymentRefused
from invoices.payments.refunds.refund import record_manual_refund
from invoices.payments.write_offs import WriteOffRefused, write_off
from plans.models import Fee, PlanVersion
from tests.builders import (
    fee,
    make_customer,
    make_feature,
    make_meter,
    make_pack,
    make_plan,
    make_seller,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)
from tests.owner_rights import as_owner
from wallets.ledger.expiry_job import expire_due
from wallets.ledger.spend import spend
from wallets.models import BreakageRate, Wallet
from wallets.purchases import PackOrder, buy, receive_payment

BOOKS = 50
"""Books of one seller."""

YEARS = range(2022, 2027)
"""Years in which months are locked, all of them over: the audit reads the books as of now."""

CURRENCIES = {"EUR": "0.01", "USD": "0.01", "JPY": "1", "KWD": "0.001"}
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Asia/Kolkata", "Pacific/Auckland")
PACKS = (("3", None), ("7", 20), ("100", 45))
"""(units, days until they expire) of the packs."""

UNITS = "units-of-books"
TIERS = {"flat": ((None, "2"),), "dear": ((None, "3"),), "graduated": ((10, "3"), (None, "1"))}
"""Plan → (up to, price of a unit)."""

ANALYZED = (
    *("invoices_invoice", "invoices_line", "invoices_invoicetax", "invoices_payment", "invoices_balanceentry"),
    *("invoices_refund", "invoices_writeoff", "invoices_writeoffshare", "invoices_discount", "customers_customer"),
    *("billing_period", "billing_subscription", "billing_accrual", "billing_accruedamount", "billing_billedusage"),
    *("billing_counter", "plans_fee", "plans_planfeature", "plans_planversion", "wallets_purchase", "wallets_lot"),
    *("wallets_entry", "wallets_transaction", "wallets_wallet", "wallets_breakagerate", "billing_posting"),
)
"""The tables that the books are computed from."""

_serial = itertools.count(1)
D = Decimal


class IssuedInvoice(NamedTuple):
    """sells_credits: whether it is that of a purchase. is_paid_on: whether something was paid on it."""

    pk: int
    sells_credits: bool
    is_paid_on: bool


@dataclass
class SellerBooks:
    """
    A seller with the books of its customers, and the times at which things happened to it.

    first: the number of the first book. at: the time up to which things happened, and of reading.
    fees: currency → those that a line may name.
    """

    first: int
    seller: Seller
    at: datetime
    versions: dict[str, PlanVersion]
    fees: dict[str, list[Fee]] = field(default_factory=dict)
    customers: list["Book"] = field(default_factory=list)


@dataclass
class Book:
    """
    A customer's book. chance: its random numbers. wallets: their ids; each has one purchase.

    invoices: those issued before the running time. touched: those of them that something has happened to at it; two
    things at one time have no order.
    """

    number: int
    customer: Customer
    chance: Random
    subscription: Subscription | None = None
    wallets: list[int] = field(default_factory=list)
    invoices: list[IssuedInvoice] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)

    @property
    def currency(self) -> str:
        return str(self.customer.currency)

    @property
    def unit(self) -> Decimal:
        return D(CURRENCIES[self.currency])

    def amount(self, most: int) -> Decimal:
        """Return a random amount above zero, in whole minor units."""
        return self.chance.randint(1, most * int(1 / self.unit)) * self.unit

    def invoice(self, *, sells_credits: bool = True, is_unpaid: bool = False) -> Invoice | None:
        """
        Return one of the customer's invoices that nothing has happened to at this time.

        sells_credits: whether it may be that of a purchase. is_unpaid: whether nothing may have been paid on it.
        """
        ids = [
            found.pk
            for found in self.invoices
            if found.pk not in self.touched
            and (sells_credits or not found.sells_credits)
            and not (is_unpaid and found.is_paid_on)
        ]
        if not ids:
            return None
        chosen = self.chance.choice(ids)
        self.touched.add(chosen)
        return Invoice.objects.get(pk=chosen)


def make_books(first: int, count: int = BOOKS) -> SellerBooks:
    """Make the books from number `first` on."""
    chance = Random(f"seller {first}")
    zone, months = chance.choice(ZONES), chance.randint(3, 5)
    start = date(chance.choice(YEARS[:-1]), chance.randint(1, 12), 1)
    seller = make_seller(
        f"books-{first}",
        currency="EUR",
        country="DE",
        time_zone=zone,
        grace=timedelta(0),
        reverses_tax_on_bad_debt=chance.random() < 0.5,
        discounts_apart_from=_months_after(start, chance.randint(0, 3)) if chance.random() < 0.5 else None,
    )
    begins = datetime.combine(start, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    books = SellerBooks(first, seller, begins, make_catalog())
    for fee_row in Fee.objects.filter(version__in=list(books.versions.values())).order_by("pk"):
        books.fees.setdefault(str(fee_row.currency), []).append(fee_row)
    for number in range(first, first + count):
        own = Random(f"book {number}")
        currency = own.choice(tuple(CURRENCIES))
        customer = make_customer(f"book-{number}", seller=seller, currency=currency, time_zone=zone, country="DE")
        books.customers.append(Book(number, customer, own))
    for step in _steps(books, chance, start, months):
        step()
    return books


def _months_after(month: date, count: int) -> date:
    for _ in range(count):
        month = (month + timedelta(days=31)).replace(day=1)
    return month


def make_catalog() -> dict[str, PlanVersion]:
    """Return the versions of all plans by name, which every seller offers; they are made unless they exist."""
    existing = {version.plan.code: version for version in PlanVersion.objects.filter(plan__code__in=TIERS)}
    if existing:
        return existing
    feature = make_feature(UNITS, meter=make_meter(UNITS, event_name=UNITS, aggregation="sum", value_property="n"))
    for units, days in PACKS:
        make_pack(
            f"pack-{units}",
            units=D(units),
            prices=dict.fromkeys(CURRENCIES, 100),
            valid_days=days,
            slabs=[(1, "0.5", 0)] if units == "7" else [],
        )
    for name, tiers in TIERS.items():
        rates = (
            [rate(tiers=[tier(bound, price) for bound, price in tiers])] if len(tiers) > 1 else [rate(tiers[0][1])]
        )
        fees = [
            fee(
                {"flat": 31, "dear": 62, "graduated": 29}[name],
                currency=currency,
                billed="arrears" if name == "graduated" else "advance",
            )
            for currency in CURRENCIES
        ]
        one_time = [("service", None), ("once", None), ("months", 3)]
        fees += [
            fee(
                120,
                kind="one_time",
                code=f"setup-{recognition}",
                currency=currency,
                recognition=recognition,
                recognition_months=months,
            )
            for currency in CURRENCIES
            for recognition, months in one_time[:: 2 if name == "flat" else 1]
            if name != "dear"
        ]
        version = make_plan(
            name,
            fees=fees,
            offers=[offer(feature, prices=dict.fromkeys(CURRENCIES, rates))],
            anchor="anniversary",
            proration="day" if name == "graduated" else "second",
        )
        existing[name] = publish(version, datetime(YEARS[0] - 1, 1, 1, tzinfo=UTC))
    return existing


# Time ---------------------------------------------------------------------------------------------------------------


def _steps(books: SellerBooks, chance: Random, start: date, months: int) -> Iterator:
    """Yield what happens, in the order of time."""
    month = start
    locked: list[date] = []
    for count in range(months):
        zone = ZoneInfo(str(books.seller.time_zone))
        begins = max(datetime.combine(month, datetime.min.time(), zone).astimezone(UTC), books.at)
        following = _months_after(month, 1)
        ends = datetime.combine(following, datetime.min.time(), zone).astimezone(UTC)
        seconds = int((ends - begins).total_seconds())
        times = sorted(begins + timedelta(seconds=chance.randrange(1, seconds)) for _ in range(3))
        if count == 0 or chance.random() < 0.3:
            times = [begins, *times]
        if chance.random() < 0.3:
            times.append(ends - timedelta(seconds=150))
        # Right after the month's end, or when things have happened in the next one.
        lock_place = chance.choice((None, 0, 1, 1)) if count else None
        for place, at in enumerate(times):
            books.at = at
            yield lambda at=at: _act(books, at)
            if place == lock_place:
                for closing in _unlocked(start, month, locked):
                    books.at = at + timedelta(seconds=60 + len(locked))
                    yield lambda closing=closing, at=books.at: _lock(books, closing, at)
                    locked.append(closing)
            if locked and place == 2 and chance.random() < 0.25:
                books.at = at + timedelta(seconds=30)
                yield lambda closing=locked[-1], at=books.at: _unlock(books, closing, at)
                locked.pop()
        month = following
    books.at += timedelta(days=chance.randint(0, 20), seconds=1)
    yield lambda: _read(books)


def _unlocked(start: date, running: date, locked: list[date]) -> list[date]:
    months, month = [], start
    while month < running:
        if month not in locked:
            months.append(month)
        month = _months_after(month, 1)
    return months


def _lock(books: SellerBooks, month: date, at: datetime) -> None:
    _close(at)
    _analyze()
    lock = lock_month(seller=books.seller, month=month, checklist=[], note="", by=None, at=at)
    start_freezing(lock, by=None, at=at)
    worker.work(kinds=KINDS, clock=lambda: at)
    lock.refresh_from_db()
    assert lock.frozen_at is not None


def _unlock(books: SellerBooks, month: date, at: datetime) -> None:
    lock = MonthLock.objects.get(seller=books.seller, month=month, unlocked_at__isnull=True)
    unlock_month(lock_id=lock.pk, reason="a correction", by=None, at=at)


def _read(books: SellerBooks) -> None:
    """Close what is due, and accrue the revenue of the open months, as the hourly tasks do."""
    _close(books.at)
    _analyze()
    counts = accrue(read_books(books.seller, at=books.at), at=books.at)
    assert not counts.failed


def _close(at: datetime) -> None:
    expire_due(at=at)
    close_due(at=at)
    bill_late_usage(at=at)


def _analyze() -> None:
    """
    Tell the planner how many rows there are: autovacuum doesn't see those of a running transaction, and a statement
    that is planned for empty tables may take minutes.
    """
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE " + ", ".join(ANALYZED))


# Acts ---------------------------------------------------------------------------------------------------------------


def _act(books: SellerBooks, at: datetime) -> None:
    """Let something random happen in each book."""
    _close(at)
    _find_invoices(books, at)
    drafts: list[Draft] = []
    events: list[dict] = []
    for book in books.customers:
        chance = book.chance
        if chance.random() < 0.35:
            drafts.append(_draft(books, book, at))
        for likely, act in ACTS:
            if chance.random() < likely:
                with suppress(CreditRefused, PaymentRefused, WriteOffRefused, ChangeRefused):
                    act(books, book, at)
                if act is _write_off:  # times decide whether a credit comes before it or after it
                    break
        if book.subscription is not None:
            events += _events(book, at)
    if drafts:
        for draft in drafts:
            draft.total_up()
        write_lines(drafts)
        issue(drafts, at=at)
    if events:
        body = msgspec.json.encode(events)
        parsed, refused, _ = parse_events(body, sandbox=False, at=at, oldest=at - timedelta(days=90), newest=at)
        assert not refused, refused
        record_events(events=parsed, sandbox=False, at=at, atomic=False)
    if books.customers and Random(f"estimate {at}").random() < 0.15:
        _estimate(books, at)
    _close(at)


def _find_invoices(books: SellerBooks, at: datetime) -> None:
    by_customer: dict[int, list[IssuedInvoice]] = defaultdict(list)
    issued = Invoice.objects.filter(seller=books.seller, kind="invoice", issued_at__lt=at, total__gt=0)
    sales = Line.objects.filter(invoice=OuterRef("pk"), kind="credit_pack")
    rows = issued.annotate(sells_credits=Exists(sales)).order_by("pk")
    for pk, customer, sells_credits, paid in rows.values_list("pk", "customer", "sells_credits", "paid"):
        by_customer[customer].append(IssuedInvoice(pk, sells_credits, paid > 0))
    for book in books.customers:
        book.invoices = by_customer[book.customer.pk]
        book.touched.clear()


def _draft(books: SellerBooks, book: Book, at: datetime) -> Draft:
    chance, percent = book.chance, book.chance.choice(("0", "19", "7.7"))
    taxes = (Tax("VAT", D(percent), "" if D(percent) else "Not taxed in tests"),)
    lines, shares = [], []
    for _ in range(chance.randint(1, 3)):
        start = at + timedelta(
            seconds=chance.choice((0, chance.randint(-60, 60) * 86_400 + chance.randint(0, 86_399)))
        )
        if chance.random() < 0.4:
            start = start.astimezone(ZoneInfo(str(books.seller.time_zone))).replace(
                hour=0, minute=0, second=0, microsecond=0
            )
        length = chance.choice(
            (timedelta(0), timedelta(microseconds=1), *[timedelta(days=chance.randint(1, 400))] * 8)
        )
        fee_row = chance.choice(books.fees[book.currency]) if chance.random() < 0.3 else None
        line = DraftLine(
            kind="fee" if fee_row else chance.choice(("one_off", "one_off", "one_off", "true_up")),
            description="A line",
            service_start=start.astimezone(UTC),
            service_end=start.astimezone(UTC) + length,
            quantity=D(1),
            unit="",
            amount=book.amount(200),
            taxes=taxes,
            explanation=b"{}",
            fee_id=fee_row.pk if fee_row else None,
        )
        lines.append(line)
        if chance.random() < 0.2:
            discount = min(book.amount(50), line.amount)
            coupon = msgspec.structs.replace(line, kind="coupon", amount=-discount, fee_id=None)
            lines.append(coupon)
            shares.append(DraftShare(coupon, line, discount))
    if len(lines) > 1 and chance.random() < 0.15 and lines[0].amount > 1 and not shares:
        lines.append(
            msgspec.structs.replace(lines[0], kind="one_off", fee_id=None, amount=-lines[0].amount + book.unit)
        )
    return Draft(
        reference=f"book:{book.number}:{next(_serial)}",
        seller_id=books.seller.pk,
        customer_id=book.customer.pk,
        sandbox=False,
        currency=book.currency,
        period_start=min(line.service_start for line in lines),
        period_end=max(line.service_end for line in lines),
        seller_facts=msgspec.json.encode({"time_zone": str(books.seller.time_zone)}),
        buyer_facts=msgspec.json.encode({"country": "DE", "name": str(book.customer)}),
        seller_zone=str(books.seller.time_zone),
        net_days=14,
        lines=lines,
        shares=shares,
    )


def _pay(books: SellerBooks, book: Book, at: datetime) -> None:
    invoice = book.invoice()
    if invoice is None or not invoice.due:
        return
    exact = book.chance.random() < 0.5
    amount = invoice.due if exact else min(book.amount(200), invoice.due + book.amount(10))
    earlier = timedelta(days=book.chance.choice((0, 0, 3, 20)))
    receive_payment(
        invoice_id=invoice.pk,
        amount=amount,
        method="manual",
        reference=f"transfer {next(_serial)}",
        at=at,
        paid_at=max(at - earlier, invoice.issued_at - timedelta(days=1)),
        keeps_surplus=True,
    )


def _credit(books: SellerBooks, book: Book, at: datetime) -> None:
    invoice = book.invoice(sells_credits=False)
    if invoice is None:
        return
    line = book.chance.choice(list(invoice.lines.exclude(kind="coupon").order_by("position")))
    amount = None if book.chance.random() < 0.3 else min(book.amount(100), abs(line.amount.amount))
    if amount is not None and line.amount.amount < 0:
        amount = -amount
    issue_credit_note(
        invoice_id=invoice.pk,
        lines=[RequestedCredit(line.position, amount)],
        reason="agreed",
        to=book.chance.choice(("balance", "refund", "offset")),
        at=at,
    )


def _void(books: SellerBooks, book: Book, at: datetime) -> None:
    if invoice := book.invoice(sells_credits=False, is_unpaid=True):
        void_invoice(invoice_id=invoice.pk, reason="a mistake", at=at)


def _write_off(books: SellerBooks, book: Book, at: datetime) -> None:
    if invoice := book.invoice(sells_credits=False):
        write_off(invoice_id=invoice.pk, reason="insolvent", at=at)


def _pay_refund(books: SellerBooks, book: Book, at: datetime) -> None:
    refund = Refund.objects.filter(customer=book.customer, state="pending", created_at__lt=at).order_by("pk").first()
    if refund is not None:
        record_manual_refund(refund_id=refund.pk, reference=f"refund {refund.pk}", at=at, by=None)


def _buy(books: SellerBooks, book: Book, at: datetime) -> None:
    if len(book.wallets) == 2:
        return
    wallet = make_wallet(book.customer, name=f"Credits {next(_serial)}", seller=books.seller, currency=book.currency)
    units, _days = book.chance.choice(PACKS)
    purchase = buy(wallet_id=wallet.pk, order=PackOrder(f"pack-{units}", f"order {next(_serial)}"), at=at)
    book.wallets.append(wallet.pk)
    if book.chance.random() < 0.8 and purchase.invoice.due:
        receive_payment(
            invoice_id=purchase.invoice_id, amount=purchase.invoice.due, method="manual", reference="bank", at=at
        )


def _spend(books: SellerBooks, book: Book, at: datetime) -> None:
    for wallet in Wallet.objects.filter(pk__in=book.wallets).order_by("pk"):
        free = sum(lot.remaining for lot in wallet.lots.all() if lot.expires_at is None or lot.expires_at > at)
        if free >= 1:
            amount = D(book.chance.randint(1, int(free)))
            spend(wallet_id=wallet.pk, amount=amount, reference=f"use {next(_serial)}", at=at)


def _subscribe(books: SellerBooks, book: Book, at: datetime) -> None:
    if book.subscription is None:
        version = books.versions[book.chance.choice(("flat", "graduated"))]
        book.subscription = subscribe(book.customer, version, at, currency=book.currency, seller=books.seller)


def _change(books: SellerBooks, book: Book, at: datetime) -> None:
    if book.subscription is None or book.subscription.starts_at >= at:
        return
    running = book.subscription.periods.filter(starts_at__lte=at, ends_at__gt=at).exclude(kind="undone").get()
    others = [version for name, version in books.versions.items() if name != "graduated"]
    if running.version in others:
        (version,) = (one for one in others if one != running.version)
        change_plan(subscription=book.subscription, version=version, at=at)


def _events(book: Book, at: datetime) -> list[dict]:
    """Return usage that arrives now, some of it late."""
    chance, events = book.chance, []
    for _ in range(chance.choice((0, 1, 1, 2))):
        late = timedelta(seconds=chance.choice((0, 0, chance.randint(0, 86_400), chance.randint(0, 40 * 86_400))))
        when = max(at - late, book.subscription.starts_at)
        events.append(
            {
                "id": f"book-{book.number}-{next(_serial)}",
                "customer": book.customer.external_id,
                "event": UNITS,
                "timestamp": when.isoformat(),
                "properties": {"n": str(chance.randint(1, 12))},
            }
        )
    return events


def _estimate(books: SellerBooks, at: datetime) -> None:
    month = read_books(books.seller, at=at).first_open_month
    BreakageRate.objects.create(
        seller=books.seller,
        percent=Random(f"percent {at}").choice((D(0), D(3), D("12.5"), D(50))),
        month=month,
        reason="history",
        created_at=at,
    )


ACTS = (
    (0.35, _pay),
    (0.12, _credit),
    (0.03, _void),
    (0.06, _write_off),
    (0.3, _pay_refund),
    (0.06, _buy),
    (0.35, _spend),
    (0.1, _subscribe),
    (0.1, _change),
)
"""(probability at a time, act)."""
