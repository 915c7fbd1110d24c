"""Sandbox customers on a test clock, and the advance of the clock."""

from datetime import datetime
from typing import Any

from billing.models import Subscription
from billing.simulation.sandbox import advance_clock, start_advance
from customers.models import Customer, TestClock
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe


def sandboxed(clock: TestClock, name: str = "", **fields: Any) -> Customer:
    return make_customer(name, sandbox=True, test_clock=clock, **fields)


def subscribed(clock: TestClock, name: str = "", *, amount: str = "31", **fields: Any) -> Subscription:
    """Return a customer's subscription from the clock's time on: a fee in advance, calls at 0.10 in arrears."""
    offers = [offer("calls", included=10, rates=[rate("0.10")])]
    version = publish(make_plan(fees=[fee(amount)], offers=offers, **fields))
    return subscribe(sandboxed(clock, name), version, clock.now)


def advance_to(clock: TestClock, to: datetime) -> TestClock:
    """Advance a clock all the way, as a worker does."""
    start_advance(clock_id=clock.pk, to=to, by=None, at=to)
    advance_clock(clock_id=clock.pk)
    clock.refresh_from_db()
    return clock
