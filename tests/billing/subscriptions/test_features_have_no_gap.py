"""A check during a plan change sees the old version's grant or the new one's, never none."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.limits.check import check
from billing.limits.entitlements import read_entitlements
from billing.subscriptions import change_plan
from billing.subscriptions.plan_changes import plan_change
from tests.builders import JAN, make_customer, make_feature, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test
from tests.races import Pause, start

clean_books = clean_after_test("subscriptions", "usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

DAY_10 = JAN + timedelta(days=10)
TICK = timedelta(microseconds=1)


@pytest.fixture
def versions(transactional_db):
    def offers(answer):
        return [
            offer("calls", rates=[rate("0.01")]),
            offer(make_feature("sso", kind="boolean")),
            offer(make_feature("support", kind="static"), static_value=answer),
        ]

    return [publish(make_plan(name, offers=offers(answer))) for name, answer in (("old", "48 h"), ("new", "1 h"))]


@pytest.fixture
def subscription(versions):
    return subscribe(make_customer("acme"), versions[0])


def support(at):
    """Return the value granted for support, after asserting that every feature is allowed."""
    entitlements = {
        read_entitlement.feature.code: read_entitlement
        for read_entitlement in read_entitlements(customer="acme", sandbox=False, at=at)
    }
    assert {code for code, entitlement in entitlements.items() if entitlement.answer.allowed} == {
        "calls",
        "sso",
        "support",
    }
    assert check(customer="acme", feature="calls", quantity=Decimal(1), sandbox=False, at=at).allowed
    return entitlements["support"].value


@pytest.mark.parametrize("place", ["shorten_periods", "cover_features", "create_new_part"])
def test_a_feature_is_granted_at_every_step_of_a_change(versions, subscription, monkeypatch, place):
    pause = Pause.before(monkeypatch, plan_change, place)
    change = start(lambda: change_plan(subscription=subscription, version=versions[1], at=DAY_10))
    pause.await_arrival()
    assert {support(moment) for moment in (DAY_10 - TICK, DAY_10, DAY_10 + TICK)} == {"48 h"}
    pause.release()
    change.result()
    assert [support(moment) for moment in (DAY_10 - TICK, DAY_10)] == ["48 h", "1 h"]
