"""
Random histories of a sandbox customer, lived twice: on a clock that goes straight to each act, and on one that stops
at other times in between. The books must be the same.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import models

from billing.limits.alerts.evaluation import SOURCES, queue_changed_customers
from billing.limits.alerts.rule_settings import AlertScope, set_alert_rule
from billing.metering.ingest.event_recorder import record_events
from billing.models import Alert, Subscription
from billing.simulation.sandbox import advance_all
from billing.subscriptions import cancel, change_plan, schedule_change
from billing.subscriptions.plan_changes.plan_change import ChangeRefused
from customers.models import Customer, Notification, TestClock
from invoices.models import DunningStep, Invoice, PayerAccount, Payment, PaymentAttempt, PaymentMethod
from invoices.payments.manual_payments import PAYABLE, record_payment
from plans.models import PlanVersion
from tests.billing.metering.ingest.ingest_setup import read
from tests.billing.simulation.sandbox.clock_setup import advance_to, sandboxed
from tests.builders import (
    JAN,
    fee,
    make_clock,
    make_pack,
    make_plan,
    make_seller,
    make_tax,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
)
from wallets.auto_topup import TopUpRuleRequest, set_rule
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot, Transaction

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ACTS = ("use", "use", "use", "pay", "grant", "change", "schedule", "cancel")
FEWEST_ROWS = 4
"""Rows of the shortest history: a subscription that is canceled at once, its period and its notifications."""

MOST_STOPS = 4
"""Stops of the second clock between two acts."""


@dataclass(frozen=True, slots=True)
class TimedAct:
    """An act at a time: its name and a number that it draws on."""

    at: datetime
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class History:
    """
    A customer's terms and acts.

    card: reference of the sandbox's payment method, or empty. stops: the second clock's stops before each act.
    """

    seed: int
    until: datetime
    trial_days: int
    anchor: str
    card: str
    net_days: int
    tops_up: bool
    acts: Sequence[TimedAct]
    stops: Sequence[Sequence[datetime]] = field(default_factory=list)


def draw_history(seed: int) -> History:
    """Return a random history of one to six months."""
    drawn = random.Random(seed)
    until = JAN + timedelta(days=drawn.randint(30, 180), minutes=drawn.randint(0, 1439))
    minutes = int((until - JAN).total_seconds() // 60)
    times = sorted({JAN + timedelta(minutes=drawn.randint(1, minutes)) for _ in range(drawn.randint(2, 9))})
    acts = [TimedAct(at, drawn.choice(ACTS), drawn.randint(0, 10**6)) for at in times]
    acts.append(TimedAct(until + HOUR, "end", 0))
    stops, since = [], JAN
    for act in acts:
        between = int((act.at - since).total_seconds() // 60)
        chosen = {
            since + timedelta(minutes=drawn.randint(1, max(between, 1))) for _ in range(drawn.randint(0, MOST_STOPS))
        }
        stops.append(sorted(stop for stop in chosen if since < stop < act.at))
        since = act.at
    return History(
        seed=seed,
        until=until,
        trial_days=drawn.choice([0, 0, 0, 5, 14]),
        anchor=drawn.choice(["calendar", "anniversary"]),
        card=drawn.choice(["", "pays", "declines", "repeats"]),
        net_days=drawn.choice([0, 7, 14]),
        tops_up=drawn.random() < 0.5,
        acts=acts,
        stops=stops,
    )


def make_catalog() -> None:
    """Create the seller with its dunning, and the pack that wallets are topped up with."""
    seller = make_seller()
    make_tax("19")
    for days, action in ((1, "remind"), (3, "charge"), (6, "charge"), (20, "pause"), (40, "cancel")):
        DunningStep.objects.create(seller=seller, days=days, action=action)
    make_pack("credits-50", units=50, prices={"USD": 20})


def live(history: History, *, name: str, with_stops: bool) -> Customer:
    """Live a history on a clock of its own, and return its customer."""
    clock = make_clock(JAN)
    customer = sandboxed(clock, name, charges_automatically=bool(history.card), net_days=history.net_days)
    versions = [_version(history, f"{name}-{price}", price) for price in ("30", "90")]
    subscription = subscribe(customer, versions[0], JAN, external_id=f"{name}-1")
    set_alert_rule(kind="spend", scope=AlertScope(subscription=subscription), amount=Decimal(40), at=JAN)
    if history.card:
        account = PayerAccount.objects.create(customer=customer, provider="sandbox", ref=name, created_at=JAN)
        PaymentMethod.objects.create(account=account, ref=history.card, label="Card", is_default=True, created_at=JAN)
    if history.tops_up:
        wallet = make_wallet(customer)
        set_rule(wallet_id=wallet.pk, request=TopUpRuleRequest("credits-50", threshold=Decimal(10)), at=JAN)
    for act, stops in zip(history.acts, history.stops, strict=True):
        for stop in stops if with_stops else ():
            _advance(clock, stop)
        _advance(clock, act.at)
        _ACTS[act.name](subscription, act, versions)
        _do_what_the_act_makes_due(act.at)
    return customer


def _do_what_the_act_makes_due(at: datetime) -> None:
    """Run the tasks of real time that notice changed customers and idle clocks."""
    for source in SOURCES:
        queue_changed_customers(source, at=at)
    advance_all()


def _advance(clock: TestClock, to: datetime) -> None:
    advance_to(clock, to)
    if clock.now != to:
        raise AssertionError(f"the clock stopped at {clock.now}: {clock.failure}")


def _version(history: History, code: str, price: str) -> PlanVersion:
    offers = [offer("calls", included=10, rates=[rate("0.10")])]
    terms = {"trial_days": history.trial_days, "anchor": history.anchor}
    return publish(make_plan(code, fees=[fee(price)], offers=offers, **terms))


# Acts: each takes the subscription, and does nothing where it is not possible, in both lives alike. ----------------


def _use(subscription: Subscription, act: TimedAct, versions: Sequence[PlanVersion]) -> None:
    customer = subscription.customer.external_id
    event = {"customer": customer, "event": "calls", "timestamp": f"{act.at:%FT%TZ}"}
    events = [{"id": f"{customer}-{act.at:%FT%T}-{number}", **event} for number in range(1 + act.number % 60)]
    record_events(events=read(*events, sandbox=True, at=act.at), sandbox=True, at=act.at, atomic=False)


def _pay(subscription: Subscription, act: TimedAct, versions: Sequence[PlanVersion]) -> None:
    open_invoices = Invoice.objects.filter(customer=subscription.customer, kind="invoice", state__in=PAYABLE)
    for invoice in open_invoices.order_by("sequence"):
        if invoice.due and not invoice.charges.filter(state="pending").exists():
            amount = invoice.due if act.number % 2 else min(invoice.due, Decimal("0.50"))
            record_payment(
                invoice_id=invoice.pk, amount=amount, method="manual", reference=f"{act.at:%FT%T}", at=act.at
            )
            return


def _grant(subscription: Subscription, act: TimedAct, versions: Sequence[PlanVersion]) -> None:
    wallet = subscription.customer.wallets.first()
    if wallet is not None:
        lot = Grant("bonus", Decimal(5), f"{act.at:%FT%T}", expires_at=act.at + (1 + act.number % 40) * DAY)
        grant(wallet_id=wallet.pk, grants=[lot], at=act.at)


def _change(subscription: Subscription, act: TimedAct, versions: Sequence[PlanVersion]) -> None:
    _try(lambda: change_plan(subscription=_current(subscription), version=versions[1], at=act.at))


def _schedule(subscription: Subscription, act: TimedAct, versions: Sequence[PlanVersion]) -> None:
    _try(lambda: schedule_change(subscription=_current(subscription), version=versions[act.number % 2], at=act.at))


def _cancel(subscription: Subscription, act: TimedAct, versions: Sequence[PlanVersion]) -> None:
    ends_at = act.at + (act.number % 30) * DAY if act.number % 2 else None
    _try(lambda: cancel(subscription=_current(subscription), at=act.at, ends_at=ends_at))


def _end(subscription: Subscription, act: TimedAct, versions: Sequence[PlanVersion]) -> None:
    pass


def _current(subscription: Subscription) -> Subscription:
    return Subscription.objects.select_related("customer").get(pk=subscription.pk)


REFUSALS: tuple[type[Exception], ...] = (ChangeRefused,)


def _try(act: Callable[[], Any]) -> None:
    try:
        act()
    except REFUSALS:
        pass
    except Exception as refusal:
        if not type(refusal).__name__.endswith("Refused"):
            raise


_ACTS: dict[str, Callable[[Subscription, TimedAct, Sequence[PlanVersion]], None]] = {
    "use": _use,
    "pay": _pay,
    "grant": _grant,
    "change": _change,
    "schedule": _schedule,
    "cancel": _cancel,
    "end": _end,
}

# Books --------------------------------------------------------------------------------------------------------

_OWN_NAMES = re.compile(r"TC?\d+-|straight|stopping", re.IGNORECASE)


def books_of(customer: Customer) -> list[tuple[str, ...]]:
    """Return all that a customer's clock has brought about, without numbers of rows, in a fixed order."""
    return sorted(_rows(customer))


def _rows(customer: Customer) -> Iterator[tuple[str, ...]]:
    invoices = Invoice.objects.filter(customer=customer)
    yield from _of(
        invoices, *("kind", "state", "number", "issued_at", "due_date", "net", "tax", "total", "paid", "credited")
    )
    lines = ("position", "kind", "description", "amount", "service_start", "service_end")
    for invoice in invoices:
        yield from _of(invoice.lines.all(), *lines, about=str(invoice))
        yield from _of(invoice.dunning_acts.all(), "days", "action", "outcome", "at", about=str(invoice))
    yield from _of(Payment.objects.filter(invoice__customer=customer), "amount", "method", "paid_at", "created_at")
    attempts = PaymentAttempt.objects.filter(invoice__customer=customer)
    yield from _of(attempts, "number", "state", "amount", "created_at", "settled_at", "next_at")
    yield from _of(Notification.objects.filter(customer=customer), "kind", "created_at")
    yield from _of(Subscription.objects.filter(customer=customer), "state", "starts_at", "ends_at", "paused_at")
    for subscription in customer.subscriptions.all():
        periods = ("kind", "state", "starts_at", "ends_at", "due_at", "closed_at")
        yield from _of(subscription.periods.all(), *periods)
    yield from _of(
        Lot.objects.filter(wallet__customer=customer), "kind", "amount", "remaining", "granted_at", "expires_at"
    )
    yield from _of(Transaction.objects.filter(wallet__customer=customer), "kind", "at", "units", "balance_after")
    yield from _of(Alert.objects.filter(customer=customer), "since", "threshold", "value", "fired_at", "recovered_at")


def _of(rows: models.QuerySet[Any], *names: str, about: str = "") -> Iterator[tuple[str, ...]]:
    table = rows.model._meta.model_name
    for row in rows:
        values = [str(getattr(row, name, "")) for name in names]
        yield (str(table), _OWN_NAMES.sub("", about), *(_OWN_NAMES.sub("", value) for value in values))


def differences(seed: int) -> list[str]:
    """Live a history twice, and return where the books differ."""
    history = draw_history(seed)
    straight = books_of(live(history, name="straight", with_stops=False))
    stopping = books_of(live(history, name="stopping", with_stops=True))
    assert len(straight) >= FEWEST_ROWS, f"history {seed} has next to no books: {straight}"
    only_straight = [row for row in straight if row not in stopping]
    only_stopping = [row for row in stopping if row not in straight]
    return [f"history {seed}, without stops: {row}" for row in only_straight] + [
        f"history {seed}, with stops: {row}" for row in only_stopping
    ]
