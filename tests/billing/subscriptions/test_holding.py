"""How many seats and add-ons are held is set for a moment that is not billed yet, and never in silence."""

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


def hold(subscription, quantity, *, code="seats", at=NOW, since=None):
    return set_quantity(subscription=subscription, fee_code=code, quantity=quantity, at=at, since=since)


def test_it_begins_at_once(subscription):
    made = hold(subscription, 3)
    assert (made.quantity, made.since, made.recorded_at) == (3, NOW, NOW)


def test_as_many_as_before_are_not_noted(subscription):
    assert hold(subscription, 1) is None
    assert hold(subscription, 3) is not None
    assert hold(subscription, 3) is None
    assert SubscriptionQuantity.objects.count() == 1


def test_a_moment_in_the_open_period_may_be_past(subscription):
    assert hold(subscription, 3, since=JAN).since == JAN


def test_a_change_to_come_may_be_taken_back(subscription):
    hold(subscription, 3, since=FEB)
    assert hold(subscription, 1, since=FEB).quantity == 1


REFUSED = [
    # quantity          arguments                      what it says
    (0, {}, "0 is not between 1 and 1,000,000"),
    (MAX_SEATS + 1, {}, "1,000,001 is not between"),
    (2, {"code": "base-fee"}, "has no fee “base-fee” per seat or add-on: seats, support."),
    (2, {"since": JAN - timedelta(seconds=1)}, "it starts then; choose that moment or a later one"),
    (2, {"since": MAR}, "choose a moment before it"),
]


@pytest.mark.parametrize(("quantity", "arguments", "says"), REFUSED)
def test_it_is_refused_in_words(subscription, quantity, arguments, says):
    cancel(subscription=subscription, at=NOW, ends_at=MAR)
    with pytest.raises(QuantityRefused, match=says):
        hold(subscription, quantity, **arguments)
    assert not SubscriptionQuantity.objects.exists()


def test_a_period_that_is_closed_keeps_what_it_held(subscription):
    close_due(at=FEB + timedelta(hours=1))
    with pytest.raises(QuantityRefused, match="it is billed until then; choose that moment or a later one"):
        hold(subscription, 3, at=FEB + timedelta(hours=2), since=FEB - timedelta(seconds=1))
    assert hold(subscription, 3, at=FEB + timedelta(hours=2), since=FEB)
