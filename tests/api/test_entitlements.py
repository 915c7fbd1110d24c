"""All that a customer may use now, over HTTP: what each feature grants, what is left of it, and why one is closed."""

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


def told(caller):
    return {feature["feature"]: feature for feature in caller.get("/customers/acme/entitlements").json()["features"]}


def test_every_feature_says_what_it_grants(subscription):
    found = told(caller := Caller())
    assert {code: (one["kind"], one["value"], one["allowed"]) for code, one in found.items()} == {
        "messages": ("metered", None, True),
        "prompts": ("metered", None, True),
        "sso": ("boolean", None, True),
        "support": ("static", "24 h", True),
    }
    assert {one["subscription"] for one in found.values()} == {"acme-1"}
    caller.post("/events", [{"id": f"m{number}", "customer": "acme", "event": "messages"} for number in range(5)])
    full = told(caller)["messages"]
    assert (full["allowed"], full["reason"], full["used"], full["remaining"]) == (False, "hard_cap_reached", "5", "0")


def test_each_says_what_a_check_says(subscription):
    cap(subscription, 0, feature="prompts", action="stop", at=NOW)
    caller = Caller()
    for code, one in told(caller).items():
        answer = caller.post("/check", {"customer": "acme", "feature": code, "quantity": 0}).json()
        assert {name: one[name] for name in answer if name in one} == {n: v for n, v in answer.items() if n in one}


def test_one_that_is_paused_says_so(subscription):
    pause(subscription=subscription, at=NOW)
    assert {one["reason"] for one in told(Caller()).values()} == {"paused"}


def test_more_features_take_no_more_queries(subscription, django_assert_max_num_queries):
    caller = Caller()
    told(caller)
    with django_assert_max_num_queries(12):
        told(caller)


def test_who_has_none_has_an_empty_list():
    make_customer("acme")
    assert told(Caller()) == {}


def test_who_is_unknown_is_not_found():
    problem(Caller().get("/customers/nobody/entitlements"), 404, "not-found")
