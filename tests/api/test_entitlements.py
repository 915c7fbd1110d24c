"""Entitlements of a customer over HTTP: the grant of each feature, its remaining units, and why one is refused."""

import pytest
import time_machine

from billing.subscriptions import pause
from tests.api.calls import NOW, Caller, problem
from tests.builders import cap, make_customer, make_feature, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db

SUPPORT = "support"


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def subscription():
    offers = [
        offer("messages", included=5, consumption="hard_cap"),
        offer("prompts", rates=[rate("0.05")]),
        offer(make_feature("sso", kind="boolean")),
        offer(make_feature(SUPPORT, kind="static"), static_value="24 h"),
    ]
    return subscribe(make_customer("acme"), publish(make_plan(offers=offers)), external_id="acme-1")


def entitlements_of(caller):
    return {feature["feature"]: feature for feature in caller.get("/customers/acme/entitlements").json()["features"]}


def test_every_feature_has_its_grant(subscription):
    features = entitlements_of(caller := Caller())
    assert {code: (feature["kind"], feature["value"], feature["allowed"]) for code, feature in features.items()} == {
        "messages": ("metered", None, True),
        "prompts": ("metered", None, True),
        "sso": ("boolean", None, True),
        "support": ("static", "24 h", True),
    }
    assert {feature["subscription"] for feature in features.values()} == {"acme-1"}
    caller.post("/events", [{"id": f"m{number}", "customer": "acme", "event": "messages"} for number in range(5)])
    full = entitlements_of(caller)["messages"]
    assert (full["allowed"], full["reason"], full["used"], full["remaining"]) == (False, "hard_cap_reached", "5", "0")


def test_each_entitlement_agrees_with_a_check(subscription):
    cap(subscription, 0, feature="prompts", action="stop", at=NOW)
    caller = Caller()
    for code, feature in entitlements_of(caller).items():
        answer = caller.post("/check", {"customer": "acme", "feature": code, "quantity": 0}).json()
        assert {name: feature[name] for name in answer if name in feature} == {
            n: v for n, v in answer.items() if n in feature
        }


def test_a_paused_subscription_is_the_reason(subscription):
    pause(subscription=subscription, at=NOW)
    assert {feature["reason"] for feature in entitlements_of(Caller()).values()} == {"paused"}


def test_more_features_take_no_more_queries(subscription, django_assert_max_num_queries):
    caller = Caller()
    entitlements_of(caller)
    with django_assert_max_num_queries(12):
        entitlements_of(caller)


def test_a_customer_without_features_has_an_empty_list():
    make_customer("acme")
    assert entitlements_of(Caller()) == {}


def test_an_unknown_customer_is_not_found():
    problem(Caller().get("/customers/nobody/entitlements"), 404, "not-found")
