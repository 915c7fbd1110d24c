"""
The demo's history: fourteen months of subscriptions, invoices and payments, month by month as they happened.

A month is one transaction, so an interrupted demo continues with the next one. The months before last month are
locked, each on the third day after the next one began.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet

from billing import subscriptions
from billing.closing import CloseSummary
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import event_key, parse_events
from billing.models import Event, Subscription
from billing.subscriptions.terms.commitments import set_commitment
from customers.models import Customer, Seller
from demo import books, catalog, prepaid_customers
from demo.closing import Watch, close
from demo.days import month_start
from demo.trace import DATA, EVENT, rows
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.documents.past_due import mark_overdue
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import InvoiceState
from invoices.payments.manual_payments import record_payment
from invoices.payments.write_offs import write_off
from plans.models import CreditPack, Meter, PackPrice, PlanVersion, UnitCost
from wallets.ledger.expiry_job import expire_due
from wallets.models import Wallet
from wallets.operations.breakage_estimates import estimate_breakage
from wallets.operations.wallet_settings import open_wallet
from wallets.purchases.purchase import PackOrder, buy

MONTHS = 14
"""Months before the current one."""

LAST_LOCKED = 2
"""Months back of the last locked month; the trace's requests begin in the month after it."""

ZONE = ZoneInfo("Etc/GMT+12")
"""The last zone in which a month ends, so that the trace's month has begun nowhere before."""

CLOSING_DAY, LATE_START, CHANGES, PAYDAY = 3, 12, 18, 20
USAGE_DAYS = (5, 10, 15, 22, 27)
COMMITTED_PERIODS = 12
REQUESTS_PER_DAY = 14
"""Of a prepaid customer; the others send one event with the day's tokens."""

TOKENS_PER_DAY = {
    "starter": 14_000, "studio": 260_000, "growth": 750_000, "enterprise": 4_000_000, "yearly": 380_000,
}  # fmt: skip
PROMPT_PAYER_DAYS, SLOW_PAYER_DAYS = 5, 35
"""The age at which an invoice is paid; every `SLOW`th customer is a slow payer."""
SLOW = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that happened to a customer in a month: `verb` is a plan's code, or as in data/README.md."""

    months_back: int
    verb: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class PastCustomer:
    """A row of history.csv; number: its place, which varies usage and payments."""

    number: int
    row: dict[str, str]
    months_back: int
    day: int
    story: tuple[Turn, ...]

    @classmethod
    def of(cls, number: int, row: dict[str, str]) -> Self:
        story = tuple(_parse_turn(text) for text in row["story"].split(";") if text.strip())
        return cls(number, row, int(row["months_back"]), int(row["day"]), story)

    @property
    def external_id(self) -> str:
        return self.row["external_id"]

    def pays(self, months_back: int) -> bool:
        """Return whether it still pays its invoices."""
        return not any(turn.verb == "unpaid" and turn.months_back >= months_back for turn in self.story)


def _parse_turn(text: str) -> Turn:
    months_back, verb, *argument = text.split()
    return Turn(int(months_back), verb, *argument)


@cache
def past_customers() -> tuple[PastCustomer, ...]:
    """Return the customers of history.csv."""
    return tuple(PastCustomer.of(number, row) for number, row in enumerate(rows("history.csv")))


def exclude_past(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Return those invoices that are of other customers."""
    return invoices.exclude(customer__external_id__in=[past.external_id for past in past_customers()])


def add_locked_months(at: datetime, watch: Watch) -> CloseSummary:
    """Add the missing months up to the last one that is locked; return the counts of their closing."""
    _add_catalog(at)
    return _add_months(range(MONTHS, LAST_LOCKED - 1, -1), at, watch)


def last_locked_month(at: datetime) -> date:
    return month_start(at, ZONE, months_back=LAST_LOCKED)


def add_open_months(at: datetime, watch: Watch) -> CloseSummary:
    """Add last month and the current one until `at`; this closes months of the trace, so its requests come first."""
    return _add_months(range(LAST_LOCKED - 1, -1, -1), at, watch)


def _add_months(months: range, at: datetime, watch: Watch) -> CloseSummary:
    summary = CloseSummary()
    with watch("history", len(months)) as report_done:
        for done, months_back in enumerate(months, start=1):
            if not _is_added(months_back, at):
                with transaction.atomic():
                    summary.add(_Month(at, months_back).add())
            report_done(done)
    return summary


def _is_added(months_back: int, at: datetime) -> bool:
    """Return whether a month is complete: its transaction stored the first customer's usage of it."""
    first = _Month(at, months_back).usage_events(past_customers()[:1], until=at)
    return any(Event.objects.filter(pk=event_key(event["id"], source="", sandbox=False)).exists() for event in first)


@transaction.atomic
def _add_catalog(at: datetime) -> None:
    """Publish the plans, put the pack on sale, and open the books, unless that is done."""
    data = _data()
    if CreditPack.objects.filter(code=data["pack"]["code"]).exists():
        return
    prepaid_customers.add_plans(at)
    for plan in data["plans"]:
        catalog.add_plan(catalog.features(), at=at - catalog.LAUNCHED_BEFORE, **plan)
    prices, facts = data["pack"].pop("prices"), data["pack"]
    pack = CreditPack.objects.create(**facts | {"units": Decimal(facts["units"])})
    for currency, price in prices.items():
        PackPrice.objects.create(pack=pack, currency=currency, price=Decimal(price))
    for cost in data["unit_costs"]:
        UnitCost.objects.create(
            meter=Meter.objects.get(code="tokens"),
            currency=cost["currency"],
            cost=Decimal(cost["cost"]),
            valid_from=at - catalog.LAUNCHED_BEFORE,
        )
    books.open_books(month_start(at, ZONE, months_back=MONTHS), accounts=data["accounts"])


def _data() -> dict[str, Any]:
    return tomllib.loads((DATA / "history.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class _Month:
    """A month of the history, of which everything before `today` happens."""

    today: datetime
    months_back: int

    @property
    def first_day(self) -> date:
        return month_start(self.today, ZONE, months_back=self.months_back)

    @property
    def ends_at(self) -> datetime:
        """The end of the month, an hour before it ends in any seller's zone."""
        following = month_start(self.today, ZONE, months_back=self.months_back - 1)
        return min(datetime.combine(following, time(), UTC) - timedelta(hours=4), self.today)

    def noon(self, day: int) -> datetime:
        return datetime.combine(self.first_day.replace(day=day), time(12), UTC)

    def add(self) -> CloseSummary:
        """Let the month happen, in the order of its days."""
        summary = CloseSummary()
        self._subscribe(day=1)
        for day in (CLOSING_DAY, LATE_START, CHANGES, PAYDAY):
            if (moment := self.noon(day)) > self.today:
                break
            self._record_usage(until=moment)
            summary.add(_advance(moment))
            self._act(day, moment)
        self._record_usage(until=self.ends_at)
        summary.add(_advance(self.ends_at))
        return summary

    def _act(self, day: int, moment: datetime) -> None:
        if day == CLOSING_DAY and self.months_back + 1 in range(LAST_LOCKED, MONTHS + 1):
            books.lock(month_start(self.today, ZONE, months_back=self.months_back + 1), at=moment)
        if day == LATE_START:
            self._subscribe(day=LATE_START)
        if day == CHANGES:
            self._estimate_breakage(moment)
            for past in past_customers():
                for turn in past.story:
                    if turn.months_back == self.months_back:
                        _take_turn(past, turn, at=moment)
        if day == PAYDAY:
            self._record_payments(moment)

    def _subscribe(self, *, day: int) -> None:
        """Add the customers that begin on a day, with their subscriptions."""
        for past in past_customers():
            if (past.months_back, past.day) == (self.months_back, day):
                customer = _add_customer(past)
                zone = ZoneInfo(customer.time_zone)
                starts_at = datetime.combine(self.first_day.replace(day=day), time(), zone).astimezone(UTC)
                _start(customer, past.row["plan"], at=starts_at)
                if past.row["plan"] == prepaid_customers.CREDITS:
                    open_wallet(customer=customer, name="Credits", is_trusted=True, at=starts_at)

    def _estimate_breakage(self, moment: datetime) -> None:
        estimate = _data()["breakage"]
        if self.months_back == estimate["months_back"]:
            for seller in Seller.objects.all():
                estimate_breakage(
                    seller=seller,
                    percent=Decimal(estimate["percent"]),
                    month=self.first_day,
                    reason=estimate["reason"],
                    at=moment,
                )

    def _record_usage(self, *, until: datetime) -> None:
        """Record the usage until a time; that of earlier calls is a duplicate, which changes nothing."""
        if usage := list(self.usage_events(past_customers(), until=until)):
            body = json.dumps(usage).encode()
            oldest = self.noon(1) - timedelta(days=1)
            parsed_events, refused, _ = parse_events(body, sandbox=False, at=until, oldest=oldest, newest=until)
            if refused:
                raise AssertionError(f"The demo's own events are refused: {refused[0]}")
            record_events(events=parsed_events, sandbox=False, at=until)

    def usage_events(self, customers: Iterable[PastCustomer], *, until: datetime) -> Iterator[dict[str, Any]]:
        """Yield the events of customers with a subscription, in the order of time."""
        subscribed = Subscription.objects.filter(customer__external_id__in=[past.external_id for past in customers])
        terms = list(subscribed.values_list("customer__external_id", "version__plan__code", "starts_at", "ends_at"))
        for day in USAGE_DAYS:
            moment = self.noon(day)
            if moment >= until:
                return
            plans = {
                customer: plan
                for customer, plan, starts_at, ends_at in terms
                if starts_at <= moment and (ends_at is None or moment < ends_at)
            }
            for past in customers:
                if past.external_id in plans:
                    yield from self._requests(past, plans[past.external_id], day, moment)

    def _requests(self, past: PastCustomer, plan: str, day: int, moment: datetime) -> Iterator[dict[str, Any]]:
        is_prepaid = plan == prepaid_customers.CREDITS
        for number in range(REQUESTS_PER_DAY if is_prepaid else 1):
            percent = 70 + 3 * (MONTHS - self.months_back) + (37 * past.number + 17 * self.months_back + 7 * day) % 40
            tokens = 1_500 if is_prepaid else TOKENS_PER_DAY[plan] * percent // 100
            yield {
                "id": f"{past.external_id}-{self.first_day:%Y-%m}-{day}-{number}",
                "customer": past.external_id,
                "event": EVENT,
                "timestamp": (moment - timedelta(minutes=number)).isoformat(),
                "properties": {
                    "prompt_tokens": tokens * 4 // 5,
                    "completion_tokens": tokens // 5,
                    "model": "chat-large" if number % 2 else "chat-small",
                    "api_key": "default",
                },
            }

    def _record_payments(self, moment: datetime) -> None:
        """Record the payments of the month: prompt payers' of all invoices, slow ones' of last month's."""
        due = Invoice.objects.filter(
            kind=DocumentKind.INVOICE,
            state__in=[InvoiceState.ISSUED, InvoiceState.OVERDUE],
            sandbox=False,
        )
        by_customer = {past.external_id: past for past in past_customers()}
        for invoice in due.select_related("customer").order_by("pk"):
            past = by_customer.get(invoice.customer.external_id)
            if past is None and self.months_back < LAST_LOCKED:
                continue  # an invoice of the trace
            if past is not None and not past.pays(self.months_back):
                continue
            days = SLOW_PAYER_DAYS if past is not None and past.number % SLOW == 0 else PROMPT_PAYER_DAYS
            if invoice.due and invoice.issued_at is not None and invoice.issued_at + timedelta(days=days) <= moment:
                reference = f"transfer {invoice.number}"
                record_payment(
                    invoice_id=invoice.pk, amount=invoice.due, method="manual", reference=reference, at=moment
                )


def _advance(at: datetime) -> CloseSummary:
    """Do what the workers would have done until a time."""
    subscriptions.generate_periods(until=at + timedelta(hours=2))
    summary = close(at, lambda *_: nullcontext(lambda _done: None))
    subscriptions.end_finished(at=at)
    expire_due(at=at)
    mark_overdue(at=at)
    return summary


def _add_customer(past: PastCustomer) -> Customer:
    seller = Seller.objects.get(code=past.row["seller"])
    copied = ("external_id", "legal_name", "address_line1", "postal_code", "city", "region", "country")
    return Customer.objects.create(
        seller=seller,
        time_zone=seller.time_zone,
        currency=seller.currency,
        locale="en_US",
        **{name: past.row[name] for name in copied},
    )


def _start(customer: Customer, plan: str, *, at: datetime) -> None:
    subscriptions.start(
        customer=customer,
        version=PlanVersion.objects.get(plan__code=plan, number=1),
        starts_at=at,
        at=at,
        external_id=f"{customer.external_id}-{plan}-{at:%Y-%m}",
    )


def _take_turn(past: PastCustomer, turn: Turn, *, at: datetime) -> None:
    customer = Customer.objects.select_related("seller").get(external_id=past.external_id, sandbox=False)
    running = Subscription.objects.filter(customer=customer, starts_at__lte=at).exclude(ends_at__lte=at).first()
    match turn.verb:
        case "unpaid":
            pass  # see `PastCustomer.pays`
        case "back":
            _start(customer, turn.argument, at=at)
        case "pack":
            wallet = Wallet.objects.get(customer=customer)
            order = PackOrder(_data()["pack"]["code"], reference=f"order {at:%Y-%m}", packs=int(turn.argument))
            buy(wallet_id=wallet.pk, order=order, at=at)
        case "credit":
            _credit_latest_invoice(customer, percent=int(turn.argument), at=at)
        case "write-off":
            for invoice in _unpaid_invoices(customer):
                write_off(invoice_id=invoice.pk, reason="Insolvent.", at=at)
        case "recovered":
            recovered = customer.invoices.filter(state=InvoiceState.UNCOLLECTIBLE).earliest("pk")
            record_payment(
                invoice_id=recovered.pk, amount=recovered.due, method="manual", reference="from the estate", at=at
            )
        case "end" if running is not None:
            subscriptions.cancel(subscription=running, at=at)
        case "seats" if running is not None:
            subscriptions.set_quantity(subscription=running, fee_code="seats", quantity=int(turn.argument), at=at)
        case "commit" if running is not None:
            minimum, reason = Decimal(turn.argument), "Negotiated for a year."
            set_commitment(subscription=running, minimum=minimum, periods=COMMITTED_PERIODS, reason=reason, at=at)
        case plan if running is not None:
            version = PlanVersion.objects.get(plan__code=plan, number=1)
            subscriptions.change_plan(subscription=running, version=version, at=at)


def _unpaid_invoices(customer: Customer) -> QuerySet[Invoice]:
    return customer.invoices.filter(
        Q(state=InvoiceState.ISSUED) | Q(state=InvoiceState.OVERDUE), kind=DocumentKind.INVOICE
    )


def _credit_latest_invoice(customer: Customer, *, percent: int, at: datetime) -> None:
    """Credit a part of the largest line of a customer's latest invoice to its balance."""
    invoice = customer.invoices.filter(kind=DocumentKind.INVOICE, number__isnull=False).latest("pk")
    line = max(invoice.lines.all(), key=lambda line: line.amount.amount)
    credit = RequestedCredit(line.position, round(line.amount.amount * percent / 100, 2))
    reason = "Goodwill after the outage."
    issue_credit_note(invoice_id=invoice.pk, lines=[credit], reason=reason, to="balance", at=at)
