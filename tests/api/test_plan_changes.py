"""Plan changes over HTTP: shown before they are made, and made as they were shown."""

from datetime import datetime

import pytest
from django.utils import timezone

from billing.models import Period, Subscription
from tests.api.calls import problem
from tests.builders import fee, make_customer, make_plan, offer, publish, rate


@pytest.fixture
def acme(seller):
    """Acme on a plan for 10 EUR a month; another one costs 40."""
    for code, amount in (("starter", "10"), ("pro", "40")):
        offers = [offer("api.calls", included=100, rates=[rate("0.05")], currency="EUR")]
        publish(make_plan(code, fees=[fee(amount, currency="EUR", billed="arrears")], offers=offers))
    return make_customer("acme", seller=seller, currency="EUR")


@pytest.fixture
def subscribed(live, acme):
    live.post("/subscriptions", {"id": "acme-1", "customer": "acme", "plan": "starter"})
    return Subscription.objects.get(external_id="acme-1")


def test_a_preview_changes_nothing(live, subscribed):
    told = live.post("/subscriptions/acme-1/change", {"plan": "pro", "preview": True}).json()
    assert told["subscription"]["plan"] == "starter"
    assert [line["description"] for line in told["document"]["lines"]] == ["Starter: Base fee"]
    assert Period.objects.filter(continues__isnull=False).count() == 0


def test_a_change_holds_at_once(live, subscribed):
    told = live.post("/subscriptions/acme-1/change", {"plan": "pro"})
    assert told.status_code == 200
    assert told.json()["subscription"]["plan"] == "pro"
    part = Period.objects.get(continues__isnull=False)
    assert part.version.plan.code == "pro"
    assert live.get("/subscriptions/acme-1").json() == told.json()["subscription"]


def test_what_cannot_be_is_refused_in_words(live, subscribed):
    again = live.post("/subscriptions/acme-1/change", {"plan": "starter"})
    assert problem(again, 409, "conflict")["detail"] == "acme-1 is on Starter v1 already."
    unknown = live.post("/subscriptions/acme-1/change", {"plan": "gold"})
    assert unknown.status_code == 400
    assert Period.objects.filter(continues__isnull=False).count() == 0


NEXT_MONTH = {"plan": "pro", "at_period_end": True}


def test_a_change_to_come_is_told_and_withdrawn(live, subscribed):
    told = live.post("/subscriptions/acme-1/change", NEXT_MONTH).json()
    ends = Period.objects.get(kind="regular").ends_at
    assert told["subscription"]["plan"] == "starter"
    scheduled = told["subscription"]["scheduled_change"]
    assert (scheduled["plan"], datetime.fromisoformat(scheduled["at"])) == ("pro", ends)
    assert live.post("/subscriptions/acme-1/change/withdraw", {}).json()["scheduled_change"] is None
    again = live.post("/subscriptions/acme-1/change/withdraw", {})
    assert problem(again, 409, "conflict")["detail"] == "acme-1 has no change to come."


def test_a_change_at_a_moment_shows_what_it_would_come_to(live, subscribed):
    moment = timezone.now() + (Period.objects.get(kind="regular").ends_at - timezone.now()) / 2
    arguments = {"plan": "pro", "at": moment.isoformat()}
    told = live.post("/subscriptions/acme-1/change", arguments | {"preview": True}).json()
    assert (told["document"]["lines"][0]["description"], told["subscription"]["scheduled_change"]) == (
        "Starter: Base fee",
        None,
    )
    assert datetime.fromisoformat(told["document"]["lines"][0]["service_end"]) == moment
    scheduled = live.post("/subscriptions/acme-1/change", arguments).json()["subscription"]["scheduled_change"]
    assert datetime.fromisoformat(scheduled["at"]) == moment


def test_a_change_is_at_one_time(live, subscribed):
    both = live.post("/subscriptions/acme-1/change", NEXT_MONTH | {"at": "2099-01-01T00:00:00Z"})
    assert both.status_code == 400
    assert "not both" in both.content.decode()
    past = live.post("/subscriptions/acme-1/change", {"plan": "pro", "version": 1, "at": "2020-01-01T00:00:00Z"})
    assert "is past" in problem(past, 409, "conflict")["detail"]
