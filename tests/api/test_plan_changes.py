"""Plan changes over HTTP: previewed, and applied as previewed."""

from datetime import datetime

import pytest
from django.utils import timezone

from billing.models import Period, Subscription
from tests.api.calls import problem
from tests.builders import fee, make_customer, make_plan, offer, publish, rate


@pytest.fixture
def acme(seller):
    """Create Acme and two plans, for 10 and 40 EUR a month."""
    for code, amount in (("starter", "10"), ("pro", "40")):
        offers = [offer("api.calls", included=100, rates=[rate("0.05")], currency="EUR")]
        publish(make_plan(code, fees=[fee(amount, currency="EUR", billed="arrears")], offers=offers))
    return make_customer("acme", seller=seller, currency="EUR")


@pytest.fixture
def subscribed(live, acme):
    live.post("/subscriptions", {"id": "acme-1", "customer": "acme", "plan": "starter"})
    return Subscription.objects.get(external_id="acme-1")


def test_a_preview_changes_nothing(live, subscribed):
    payload = live.post("/subscriptions/acme-1/change", {"plan": "pro", "preview": True}).json()
    assert payload["subscription"]["plan"] == "starter"
    assert [line["description"] for line in payload["document"]["lines"]] == ["Starter: Base fee"]
    assert Period.objects.filter(continues__isnull=False).count() == 0


def test_a_change_holds_at_once(live, subscribed):
    response = live.post("/subscriptions/acme-1/change", {"plan": "pro"})
    assert response.status_code == 200
    assert response.json()["subscription"]["plan"] == "pro"
    part = Period.objects.get(continues__isnull=False)
    assert part.version.plan.code == "pro"
    assert live.get("/subscriptions/acme-1").json() == response.json()["subscription"]


def test_an_impossible_change_is_rejected_with_the_reason(live, subscribed):
    conflict = live.post("/subscriptions/acme-1/change", {"plan": "starter"})
    assert problem(conflict, 409, "conflict")["detail"] == "acme-1 is already on Starter v1."
    unknown = live.post("/subscriptions/acme-1/change", {"plan": "gold"})
    assert unknown.status_code == 400
    assert Period.objects.filter(continues__isnull=False).count() == 0


NEXT_MONTH = {"plan": "pro", "at_period_end": True}


def test_a_scheduled_change_is_shown_and_withdrawn(live, subscribed):
    payload = live.post("/subscriptions/acme-1/change", NEXT_MONTH).json()
    ends = Period.objects.get(kind="regular").ends_at
    assert payload["subscription"]["plan"] == "starter"
    scheduled = payload["subscription"]["scheduled_change"]
    assert (scheduled["plan"], datetime.fromisoformat(scheduled["at"])) == ("pro", ends)
    assert live.post("/subscriptions/acme-1/change/withdraw", {}).json()["scheduled_change"] is None
    second_response = live.post("/subscriptions/acme-1/change/withdraw", {})
    assert problem(second_response, 409, "conflict")["detail"] == "acme-1 has no scheduled plan change."


def test_a_change_at_a_date_is_previewed(live, subscribed):
    moment = timezone.now() + (Period.objects.get(kind="regular").ends_at - timezone.now()) / 2
    arguments = {"plan": "pro", "at": moment.isoformat()}
    payload = live.post("/subscriptions/acme-1/change", arguments | {"preview": True}).json()
    assert (payload["document"]["lines"][0]["description"], payload["subscription"]["scheduled_change"]) == (
        "Starter: Base fee",
        None,
    )
    assert datetime.fromisoformat(payload["document"]["lines"][0]["service_end"]) == moment
    scheduled = live.post("/subscriptions/acme-1/change", arguments).json()["subscription"]["scheduled_change"]
    assert datetime.fromisoformat(scheduled["at"]) == moment


def test_a_change_is_at_one_time(live, subscribed):
    both = live.post("/subscriptions/acme-1/change", NEXT_MONTH | {"at": "2099-01-01T00:00:00Z"})
    assert both.status_code == 400
    assert "not both" in both.content.decode()
    past = live.post("/subscriptions/acme-1/change", {"plan": "pro", "version": 1, "at": "2020-01-01T00:00:00Z"})
    assert "is in the past" in problem(past, 409, "conflict")["detail"]


def test_a_change_may_restart_the_billing_period(live, subscribed):
    publish(make_plan("team", fees=[fee("60", currency="EUR")], anchor="anniversary"))
    change = {"plan": "team", "billing_period": "restart"}
    preview = live.post("/subscriptions/acme-1/change", change | {"preview": True}).json()
    assert preview["document"]["lines"][-1]["amount"] == {"amount": "60.00", "currency": "EUR"}
    payload = live.post("/subscriptions/acme-1/change", change).json()["subscription"]
    assert payload["anchor_at"] == payload["current_period"]["start"]
    assert Period.objects.get(anchor_at__isnull=False).continues is None


def test_a_plan_on_the_calendar_can_not_restart(live, subscribed):
    conflict = live.post("/subscriptions/acme-1/change", {"plan": "pro", "billing_period": "restart"})
    assert "Keep the billing period." in problem(conflict, 409, "conflict")["detail"]
    assert live.post("/subscriptions/acme-1/change", {"plan": "pro", "billing_period": "other"}).status_code == 400
