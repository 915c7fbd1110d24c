"""The quantity of seats and add-ons is set from a time that is not billed yet, and rejections give a reason."""

from datetime import timedelta

import pytest

from billing.closing import close_due
from billing.models import SubscriptionQuantity
from billing.subscriptions import QuantityRefused, cancel, set_quantity
from lib.field_types import MAX_SEATS
from tests.builders import FEB, JAN, MAR, fee, make_customer, make_plan, publish, subscribe

pytestmark = pytest.mark.django_db

NOW = JAN + timedelta(days=10)


@pytest.fixture
def subscription():
    fees = [fee("20"), fee("10", label="Seats", basis="seat", least=1), fee("5", label="Support", basis="add_on")]
    return subscribe(make_customer(), publish(make_plan(fees=fees)))


def change_quantity(subscription, quantity, *, code="seats", at=NOW, since=None):
    return set_quantity(subscription=subscription, fee_code=code, quantity=quantity, at=at, since=since)


def test_a_quantity_applies_at_once(subscription):
    change = change_quantity(subscription, 3)
    assert (change.quantity, change.since, change.recorded_at) == (3, NOW, NOW)


def test_an_unchanged_quantity_is_not_recorded(subscription):
    assert change_quantity(subscription, 1) is None
    assert change_quantity(subscription, 3) is not None
    assert change_quantity(subscription, 3) is None
    assert SubscriptionQuantity.objects.count() == 1


def test_a_past_time_in_the_open_period_is_accepted(subscription):
    assert change_quantity(subscription, 3, since=JAN).since == JAN


def test_an_upcoming_change_can_be_replaced(subscription):
    change_quantity(subscription, 3, since=FEB)
    assert change_quantity(subscription, 1, since=FEB).quantity == 1


REFUSED = [
    # quantity          arguments                      message
    (0, {}, "0 is out of range"),
    (MAX_SEATS + 1, {}, "1,000,001 is out of range"),
    (2, {"code": "base-fee"}, "has no fee “base-fee” per seat or add-on: seats, support."),
    (2, {"since": JAN - timedelta(seconds=1)}, "it starts then"),
    (2, {"since": MAR}, "Choose an earlier time"),
]


@pytest.mark.parametrize(("quantity", "arguments", "message"), REFUSED)
def test_an_invalid_quantity_is_rejected(subscription, quantity, arguments, message):
    cancel(subscription=subscription, at=NOW, ends_at=MAR)
    with pytest.raises(QuantityRefused, match=message):
        change_quantity(subscription, quantity, **arguments)
    assert not SubscriptionQuantity.objects.exists()


def test_a_closed_period_keeps_its_quantities(subscription):
    close_due(at=FEB + timedelta(hours=1))
    with pytest.raises(QuantityRefused, match="it is billed until then"):
        change_quantity(subscription, 3, at=FEB + timedelta(hours=2), since=FEB - timedelta(seconds=1))
    assert change_quantity(subscription, 3, at=FEB + timedelta(hours=2), since=FEB)
