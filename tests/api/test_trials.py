"""A trial over HTTP: previewed, ended as previewed, or extended."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import Period
from tests.api.calls import problem
from tests.builders import fee, make_customer, make_plan, offer, publish, rate


@pytest.fixture
def subscribed(live, seller):
    """Subscribe Acme, in the second day of its trial, to a plan for 10 EUR a month."""
    offers = [offer("api.calls", included=100, rates=[rate("0.05")], currency="EUR")]
    fees = [fee("10", currency="EUR")]
    publish(make_plan("pro", fees=fees, offers=offers, anchor="anniversary", trial_days=14))
    make_customer("acme", seller=seller, currency="EUR")
    started = (timezone.now() - timedelta(days=2)).isoformat()
    return live.post(
        "/subscriptions", {"id": "acme-1", "customer": "acme", "plan": "pro", "starts_at": started}
    ).json()


def test_a_preview_changes_nothing(live, subscribed):
    payload = live.post("/subscriptions/acme-1/trial", {"when": "now", "preview": True}).json()
    assert payload["subscription"] == subscribed
    assert payload["document"]["total"] == {"amount": "10.00", "currency": "EUR"}
    assert Period.objects.count() == 1


def test_it_ends_now_as_previewed(live, subscribed):
    response = live.post("/subscriptions/acme-1/trial", {"when": "now"})
    assert response.status_code == 200
    assert response.json()["subscription"]["state"] == "active"
    assert [line["description"] for line in response.json()["document"]["lines"]] == ["Pro: Base fee"]
    assert live.get("/subscriptions/acme-1").json() == response.json()["subscription"]


def test_it_lasts_longer(live, subscribed):
    later = (timezone.now() + timedelta(days=40)).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    payload = live.post("/subscriptions/acme-1/trial", {"ends_at": later}).json()
    assert payload["document"] is None
    assert payload["subscription"]["trial_ends_at"] == payload["subscription"]["anchor_at"] == later


def test_usage_in_a_trial_is_marked_as_free(live, subscribed):
    live.post("/events", {"id": "1", "customer": "acme", "event": "api.calls"})
    (period,) = live.get("/customers/acme/usage").json()["periods"]
    assert (period["trial"], period["cost"]["amount"], period["features"][0]["used"]) == ("free", "0", "1")


def test_an_impossible_change_is_rejected_with_the_reason(live, subscribed):
    both = live.post("/subscriptions/acme-1/trial", {"when": "now", "ends_at": "2099-01-01T00:00:00Z"})
    assert both.status_code == 400
    preview = live.post("/subscriptions/acme-1/trial", {"ends_at": "2099-01-01T00:00:00Z", "preview": True})
    assert preview.status_code == 400
    late = live.post("/subscriptions/acme-1/trial", {"ends_at": "2099-01-01T00:00:00Z"})
    assert "at most 730 days" in problem(late, 409, "conflict")["detail"]
    live.post("/subscriptions/acme-1/trial", {"when": "now"})
    second_response = live.post("/subscriptions/acme-1/trial", {"when": "now"})
    assert "no trial" in problem(second_response, 409, "conflict")["detail"]
