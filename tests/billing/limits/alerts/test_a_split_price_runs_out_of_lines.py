"""Alerts at 80 and 100% of the values that a split price gives lines of their own."""

import pytest

from billing.models import AlertRule
from customers.models.notifications import Notification
from tests.billing.limits.alerts.alert_setup import alerts, announced_facts, evaluate, use
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db


def subscribe_to_lines(bound):
    meter = make_meter("calls", event_name="call")
    split = {"split_by": "api_key", "split_bound": bound}
    plan = make_plan(offers=[offer(make_feature("calls", meter=meter), rates=[rate("0.05")], price=split)])
    return subscribe(make_customer("acme"), publish(plan))


def use_keys(*keys):
    for key in keys:
        use("call", 1, api_key=key)


def test_80_percent_of_the_bound_fire_an_alert_and_all_of_it_another():
    subscribe_to_lines(5)
    use_keys("a", "b", "c", "a")
    evaluate()
    assert alerts() == []
    use_keys("d")
    evaluate()
    assert alerts() == [("values", 80, "open")]
    use_keys("e", "f")
    evaluate()
    assert alerts() == [("values", 80, "open"), ("values", 100, "open")]
    facts = announced_facts()[-1]
    assert (facts["value"], facts["limit"], facts["feature"]) == ("5", "5", "calls")
    assert Notification.objects.filter(kind="alert.fired").count() == 2


def test_finance_may_switch_the_rule_off():
    AlertRule.objects.filter(kind="values").update(is_on=False)
    subscribe_to_lines(1)
    use_keys("a", "b")
    evaluate()
    assert alerts() == []
