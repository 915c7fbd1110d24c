"""Subscriptions whose usage is sent as events, closed and accrued by the product's own code."""

import itertools
from datetime import date
from decimal import Decimal

from billing.closing import bill_late_usage, close_due
from billing.job_kinds import KINDS
from billing.jobs import worker
from billing.metering.ingest.event_recorder import record_events
from billing.models import Accrual, Subscription
from billing.revenue.accruals.accrual_run import AccrualCounts, accrue
from billing.revenue.ledger.books import read_books
from billing.revenue.month_end.month_freeze import start_freezing
from customers.models import Seller
from invoices.documents.locked_months import lock_month
from invoices.models import MonthLock
from tests.billing.metering.ingest.ingest_setup import read
from tests.billing.revenue.book_setup import changes, moment, postings
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe

_serial = itertools.count(1)


def metered(aggregation: str = "sum", **fields):
    """Return a feature whose meter reads the property `n`; a counting one reads none."""
    code = "-".join([aggregation, *map(str, fields.values())])
    reads = {} if aggregation == "count" else {"value_property": "n"}
    return make_feature(code, meter=make_meter(code, event_name=code, aggregation=aggregation, **reads, **fields))


def use(subscription: Subscription, feature, quantity, at: str, *, received: str = "", **properties) -> dict:
    """Send usage of a time, which arrives then or at `received`; return the event."""
    event = {
        "id": f"use-{next(_serial)}",
        "customer": subscription.customer.external_id,
        "event": feature.meter.event_name,
        "timestamp": moment(at).isoformat(),
        "properties": {"n": str(quantity), **properties},
    }
    arrival = moment(received or at)
    assert record_events(events=read(event, at=arrival), sandbox=False, at=arrival) == ["accepted"]
    return event


def subscribed(offers=(), starts_at: str = "2026-01-15", *, anchor: str = "anniversary", customer=None, **plan):
    """Return a subscription from a day on, by default with periods that begin on that day of the month."""
    customer = customer or make_customer(currency="EUR")
    version = publish(make_plan(offers=offers, anchor=anchor, **plan), moment("2019-01-01"))
    return subscribe(customer, version, moment(starts_at), currency="EUR")


def priced(feature, unit_price=None, *, tiers=(), model: str = "", **fields):
    """Return an offer of a feature in EUR."""
    named = {"model": model} if model else {}
    return offer(feature, rates=[rate(unit_price, tiers=tiers, **named)], currency="EUR", **fields)


def close(at: str) -> None:
    close_due(at=moment(at))
    bill_late_usage(at=moment(at))


def accrue_at(seller: Seller, at: str) -> AccrualCounts:
    return accrue(read_books(seller, at=moment(at)), at=moment(at))


def revenue(seller: Seller, at: str) -> dict[str, str]:
    """Return {month: revenue} of a seller's books after accruing what is due at a time."""
    counts = accrue_at(seller, at)
    assert not counts.failed, list(Accrual.objects.exclude(error="").values_list("error", flat=True))
    return changes(seller, "revenue", at=at)


def by_service_month(seller: Seller, at: str) -> dict[str, str]:
    """Return {month of service: revenue} of the open months."""
    sums: dict[date, Decimal] = {}
    for row in postings(seller, at=at):
        sign = (row["credit"] == "revenue") - (row["debit"] == "revenue")
        sums[row["service_month"]] = sums.get(row["service_month"], Decimal(0)) + sign * row["amount"]
    return {f"{month:%Y-%m}": f"{amount:.2f}" for month, amount in sorted(sums.items()) if amount}


def lock(seller: Seller, month: str, *, at: str) -> MonthLock:
    month_lock = lock_month(
        seller=seller, month=date.fromisoformat(f"{month}-01"), checklist=[], note="", by=None, at=moment(at)
    )
    start_freezing(month_lock, by=None, at=moment(at))
    worker.work(kinds=KINDS, clock=lambda: moment(at))
    month_lock.refresh_from_db()
    assert month_lock.frozen_at is not None
    return month_lock
