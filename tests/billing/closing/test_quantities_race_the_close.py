"""A quantity change is either in the period's settlement, or rejected because the period is billed."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import batch, close_due, close_period
from billing.models import SubscriptionQuantity
from billing.subscriptions import QuantityRefused, set_quantity
from billing.subscriptions.terms import quantities
from invoices.models import Line
from tests.builders import APR, fee, make_customer, make_plan, publish, subscribe
from tests.clean_books import assert_clean
from tests.races import Pause, start, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)

HALF = APR + timedelta(days=15)
AFTER = APR + timedelta(days=30, hours=1)


@pytest.fixture
def subscription():
    fees = [fee("100"), fee("10", label="Seats", basis="seat", least=5)]
    made = subscribe(make_customer(), publish(make_plan(fees=fees)), starts_at=APR)
    close_due(at=APR)
    return made


def add_seats(subscription):
    return set_quantity(subscription=subscription, fee_code="seats", quantity=7, at=HALF)


def test_a_close_waits_for_an_earlier_quantity_change(subscription, monkeypatch):
    pause = Pause.before(monkeypatch, quantities, "read_quantity_changes")
    april = subscription.periods.get(kind="regular")
    change = start(lambda: add_seats(subscription))
    pause.await_arrival()
    close = start(lambda: close_period(period_id=april.pk, at=AFTER))
    wait_until_blocked()
    pause.release()
    change.result(), close.result()
    assert Line.objects.get(kind="proration").amount.amount == Decimal("10.00")
    assert_clean("subscriptions", "invoices")


def test_a_quantity_change_waits_for_an_earlier_close_and_is_rejected(subscription, monkeypatch):
    pause = Pause.before(monkeypatch, batch, "assemble_invoices")
    april = subscription.periods.get(kind="regular")
    close = start(lambda: close_period(period_id=april.pk, at=AFTER))
    pause.await_arrival()
    change = start(lambda: add_seats(subscription))
    wait_until_blocked()
    pause.release()
    close.result()
    with pytest.raises(QuantityRefused, match="billed until then"):
        change.result()
    assert not SubscriptionQuantity.objects.exists()
    assert_clean("subscriptions", "invoices")
