"""Concurrent workers on the same periods issue one invoice each, numbered without gaps in chronological order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from billing.closing import bill_late_usage, close_due, close_period
from billing.models import Period, Subscription
from billing.subscriptions import cancel, end_finished
from invoices.models import Invoice, NumberSeries
from tests.builders import (
    FEB,
    JAN,
    fee,
    make_customer,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.races import together

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 2, 1, 1, tzinfo=UTC)
WORKERS = 8


def many(count: int, *sellers: str) -> list[Subscription]:
    offers = [offer("api.calls", rates=[rate("0.05")])]
    version = publish(make_plan("starter", fees=[fee("5", billed="arrears")], offers=offers))
    subscriptions = []
    for number in range(count):
        seller = make_seller(sellers[number % len(sellers)] if sellers else "acme")
        subscriptions.append(subscribe(make_customer(seller=seller), version))
        use(subscriptions[-1], "api.calls", number + 1)
    return subscriptions


def check_numbers(count: int, *, series: int = 1) -> None:
    """Check that numbers run from 1 without a gap or repeat, in chronological order, in each series."""
    assert Invoice.objects.count() == count
    assert NumberSeries.objects.count() == series
    for number_series in NumberSeries.objects.all():
        issued = list(Invoice.objects.filter(series=number_series).order_by("sequence"))
        assert [invoice.sequence for invoice in issued] == list(range(1, number_series.last_number + 1))
        assert all(before.issued_at <= after.issued_at for before, after in pairwise(issued))


def closers(count: int) -> list[Callable[[], int]]:
    """Return workers whose clocks differ by a second each, like those of several hosts."""
    return [
        lambda late=number: close_due(at=AT + timedelta(seconds=late), chunk_size=3).issued for number in range(count)
    ]


def test_each_period_is_closed_by_one_worker():
    many(40)
    assert sum(together(*closers(WORKERS))) == 40
    check_numbers(40)
    assert Period.objects.filter(starts_at=JAN, state="closed", invoice__isnull=False).count() == 40


def test_each_seller_has_its_own_numbers():
    many(30, "one", "two", "three")
    assert sum(together(*closers(WORKERS))) == 30
    check_numbers(30, series=3)
    assert Invoice.objects.filter(number="INV-000001").count() == 3


def test_a_period_closed_by_many_is_billed_once():
    period = many(1)[0].periods.get()
    invoices = together(*[lambda: close_period(period_id=period.pk, at=AT)] * WORKERS)
    assert len(set(invoices)) == 1
    check_numbers(1)


def test_late_usage_is_billed_by_one_worker():
    subscriptions = many(12)
    close_due(at=AT)
    for subscription in subscriptions:
        use(subscription, "api.calls", 100)
    march = datetime(2026, 3, 1, 1, tzinfo=UTC)
    together(*[lambda: close_due(at=march, chunk_size=2)] * WORKERS)
    check_numbers(24)
    assert [
        invoice.lines.filter(kind="late_usage").count() for invoice in Invoice.objects.filter(period_start=FEB)
    ] == ([1] * 12)


def test_late_usage_of_ended_subscriptions_is_billed_by_one_worker():
    subscriptions = many(6)
    for subscription in subscriptions:
        cancel(subscription=subscription, at=JAN, ends_at=FEB)
    close_due(at=AT)
    for subscription in subscriptions:
        use(subscription, "api.calls", 100)
    together(*[lambda: bill_late_usage(at=AT + timedelta(days=1))] * WORKERS)
    check_numbers(12)


def test_concurrent_cancellations_and_closes_wait_for_each_other():
    subscriptions = many(12)

    def cancel_all() -> int:
        for subscription in subscriptions:
            cancel(subscription=subscription, at=AT, ends_at=AT + timedelta(days=1))
        return 0

    together(cancel_all, *closers(4))
    check_numbers(12)
    last = {subscription.periods.latest("ends_at").ends_at for subscription in subscriptions}
    assert last == {AT + timedelta(days=1)}, "no period is left beyond the end, and none is missing before it"
    close_due(at=AT + timedelta(days=2))
    end_finished(at=AT + timedelta(days=2))
    check_numbers(24)
    assert set(Subscription.objects.values_list("state", flat=True)) == {"ended"}


def test_subscriptions_that_share_an_invoice_are_closed_by_one_worker():
    offers = [offer("api.calls", rates=[rate("0.05")])]
    version = publish(make_plan(fees=[fee("5", billed="arrears")], offers=offers))
    for _ in range(10):
        customer = make_customer(one_document=True)
        for number in range(3):
            use(subscribe(customer, version, named=True), "api.calls", number + 1)
    assert sum(together(*closers(WORKERS))) == 10
    check_numbers(10)
    for invoice in Invoice.objects.all():
        assert (invoice.periods.count(), invoice.sections.count(), invoice.net.amount) == (3, 3, Decimal("15.30"))
