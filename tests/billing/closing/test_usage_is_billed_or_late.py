"""Usage arrives while several workers close: every event is billed once, either in its period or as late usage."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.models import BilledUsage, Counter, Period
from invoices.models import Line
from tests.billing.metering.ingest.ingest_setup import call, send
from tests.builders import (
    FEB,
    MAR,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.races import together

pytestmark = pytest.mark.django_db(transaction=True)

CUSTOMERS = 12
PRICE = Decimal("0.01")


def stream(sender: str, batches: int) -> int:
    """Send batches over all customers, each with an event in the closing month of each of them."""
    for batch in range(batches):
        sent = [
            call(f"{sender}-{batch}-{number}", customer=f"c{number}", timestamp="2026-01-05T00:00:00Z")
            for number in range(CUSTOMERS)
        ]
        assert send(*sent) == ["accepted"] * CUSTOMERS
    return batches


def test_every_event_is_billed_once():
    feature = make_feature("calls", meter=make_meter("calls", event_name="api.call"))
    version = publish(make_plan(offers=[offer(feature, rates=[rate(PRICE)])]))
    for number in range(CUSTOMERS):
        subscribe(make_customer(f"c{number}"), version)
    stream("before", 1)

    at = FEB + timedelta(hours=1)
    closers = [lambda: close_due(at=at, chunk_size=4) for _ in range(3)]
    *_, first, second = together(*closers, lambda: stream("a", 25), lambda: stream("b", 25))
    close_due(at=at)

    events = 1 + first + second
    for period in Period.objects.filter(starts_at__lt=FEB):
        counter = Counter.objects.get(period=period)
        billed = BilledUsage.objects.get(period=period)
        assert counter.events == events
        assert (period.late_since is None) == (billed.events == events)
        assert billed.line.amount.amount == billed.events * PRICE

    done = close_due(at=MAR + timedelta(hours=1))
    assert done.failed == []
    assert not Period.objects.filter(late_since__isnull=False).exists()
    for period in Period.objects.filter(starts_at__lt=FEB):
        lines = Line.objects.filter(usage__period=period)
        assert sum(line.amount.amount for line in lines) == events * PRICE
        assert sum(line.quantity for line in lines) == events
