"""A trial over HTTP: shown before it ends, ended as shown, or extended."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import Period
from tests.api.calls import problem
from tests.builders import fee, make_customer, make_plan, offer, publish, rate


@pytest.fixture
def subscribed(live, seller):
    """Acme in its second day of a trial, of a plan for 10 EUR a month."""
    offers = [offer("api.calls", included=100, rates=[rate("0.05")], currency="EUR")]
    fees = [fee("10", currency="EUR")]
    publish(make_plan("pro", fees=fees, offers=offers, anchor="anniversary", trial_days=14))
    make_customer("acme", seller=seller, currency="EUR")
    started = (timezone.now() - timedelta(days=2)).isoformat()
    return live.post(
        "/subscriptions", {"id": "acme-1", "customer": "acme", "plan": "pro", "starts_at": started}
    ).json()


def test_a_preview_changes_nothing(live, subscribed):
    told = live.post("/subscriptions/acme-1/trial", {"when": "now", "preview": True}).json()
    assert told["subscription"] == subscribed
    assert told["document"]["total"] == {"amount": "10.00", "currency": "EUR"}
    assert Period.objects.count() == 1


def test_it_ends_now_as_it_was_shown(live, subscribed):
    told = live.post("/subscriptions/acme-1/trial", {"when": "now"})
    assert told.status_code == 200
    assert told.json()["subscription"]["state"] == "active"
    assert [line["description"] for line in told.json()["document"]["lines"]] == ["Pro: Base fee"]
    assert live.get("/subscriptions/acme-1").json() == told.json()["subscription"]


def test_it_lasts_longer(live, subscribed):
    later = (timezone.now() + timedelta(days=40)).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    told = live.post("/subscriptions/acme-1/trial", {"ends_at": later}).json()
    assert told["document"] is None
    assert told["subscription"]["trial_ends_at"] == told["subscription"]["anchor_at"] == later


def test_usage_says_that_it_is_free(live, subscribed):
    live.post("/events", {"id": "1", "customer": "acme", "event": "api.calls"})
    (period,) = live.get("/customers/acme/usage").json()["periods"]
    assert (period["trial"], period["cost"]["amount"], period["features"][0]["used"]) == ("free", "0", "1")


def test_an_impossible_change_is_rejected_with_the_reason(live, subscribed):
    both = live.post("/subscriptions/acme-1/trial", {"when": "now", "ends_at": "2099-01-01T00:00:00Z"})
    assert both.status_code == 400
    seen = live.post("/subscriptions/acme-1/trial", {"ends_at": "2099-01-01T00:00:00Z", "preview": True})
    assert seen.status_code == 400
    late = live.post("/subscriptions/acme-1/trial", {"ends_at": "2099-01-01T00:00:00Z"})
    assert "730 days at most" in problem(late, 409, "conflict")["detail"]
    live.post("/subscriptions/acme-1/trial", {"when": "now"})
    again = live.post("/subscriptions/acme-1/trial", {"when": "now"})
    assert "in no trial" in problem(again, 409, "conflict")["detail"]
