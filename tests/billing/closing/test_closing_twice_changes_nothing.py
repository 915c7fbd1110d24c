"""A period is billed once, however often and by any way it is closed."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.closing import PeriodNotOver, close_due, close_period
from billing.models import BilledUsage, Period, Subscription
from invoices.models import Invoice, Line, NumberSeries
from tests.builders import FEB, JAN, MAR, fee, make_customer, make_plan, offer, publish, rate, subscribe, use

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 1, 1, tzinfo=UTC)


@pytest.fixture
def subscription() -> Subscription:
    offers = [offer("api.calls", included=200, rates=[rate("0.05")])]
    subscription = subscribe(
        make_customer(), publish(make_plan(fees=[fee("19.99", billed="arrears")], offers=offers))
    )
    use(subscription, "api.calls", 400)
    return subscription


def everything() -> list[list[tuple]]:
    models = (Invoice, Line, BilledUsage, NumberSeries, Period)
    return [sorted(model.objects.values_list(), key=str) for model in models]


def test_the_second_run_finds_nothing_to_do(subscription: Subscription):
    assert close_due(at=AT).issued == 1
    before = everything()
    second_run = close_due(at=AT + timedelta(minutes=1))
    assert (second_run.closed, second_run.failed) == (0, [])
    assert everything() == before


def test_closing_a_period_again_returns_the_same_invoice(subscription: Subscription):
    period = subscription.periods.get()
    first = close_period(period_id=period.pk, at=AT)
    before = everything()
    assert close_period(period_id=period.pk, at=MAR) == first
    assert everything() == before


def test_closing_a_period_with_nothing_due_returns_nothing():
    subscription = subscribe(make_customer(), publish(make_plan(offers=[offer("api.calls", rates=[rate("1")])])))
    period = subscription.periods.get()
    assert close_period(period_id=period.pk, at=AT) is None
    assert close_period(period_id=period.pk, at=AT) is None


def test_a_period_can_be_closed_by_hand_before_its_grace_period_ends(subscription: Subscription):
    assert close_due(at=FEB).closed == 0
    assert close_period(period_id=subscription.periods.get().pk, at=FEB) is not None


def test_no_period_is_closed_before_its_end(subscription: Subscription):
    with pytest.raises(PeriodNotOver, match="has not ended"):
        close_period(period_id=subscription.periods.get().pk, at=FEB - timedelta(microseconds=1))
    assert close_due(at=FEB - timedelta(microseconds=1)).closed == 0


def test_the_invoice_is_dated_and_numbered(subscription: Subscription):
    close_due(at=AT)
    invoice = Invoice.objects.get()
    assert (invoice.number, invoice.sequence, invoice.state) == ("INV-000001", 1, "issued")
    assert (invoice.issued_at, str(invoice.issue_date), str(invoice.due_date)) == (AT, "2026-02-01", "2026-02-15")
    assert invoice.reference == f"period:{subscription.periods.get(starts_at=JAN).pk}"


def test_a_missing_next_period_is_created(subscription: Subscription):
    close_due(at=AT)
    assert subscription.periods.filter(starts_at=FEB, state="open").count() == 1


def test_periods_that_were_missed_are_each_closed_once(subscription: Subscription):
    """The scheduler was down from January to May: the run creates and closes the due periods one after the other."""
    may = datetime(2026, 5, 1, 1, tzinfo=UTC)
    assert [close_due(at=may).issued for _ in range(3)] == [4, 0, 0]
    starts = Invoice.objects.order_by("sequence").values_list("period_start__month", flat=True)
    assert list(starts) == [1, 2, 3, 4]
