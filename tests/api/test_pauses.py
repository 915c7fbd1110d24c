"""Pauses over HTTP: started, shown, ended."""

import pytest

from billing.closing import close_due
from tests.api.calls import faults, problem
from tests.builders import JAN, fee, make_customer, make_plan, offer, publish, rate

SUBSCRIPTION = "/subscriptions/acme-1"


@pytest.fixture
def subscribed(live, seller):
    """Subscribe Acme to a plan for 10 EUR a month, since January."""
    offers = [offer("api.calls", rates=[rate("0.05")], currency="EUR")]
    publish(make_plan("pro", fees=[fee("10", currency="EUR")], offers=offers))
    make_customer("acme", seller=seller, currency="EUR")
    response = live.post(
        "/subscriptions", {"id": "acme-1", "customer": "acme", "plan": "pro", "starts_at": JAN.isoformat()}
    )
    close_due(at=JAN)
    return response.json()


def test_a_subscription_is_paused_now_and_resumed(live, subscribed):
    assert subscribed["pause"] is None
    payload = live.post(f"{SUBSCRIPTION}/pause", {"reason": "Summer"}).json()
    assert (payload["state"], payload["current_period"], payload["pause"]["resumes_at"]) == ("paused", None, None)
    check = live.post("/check", {"customer": "acme", "feature": "api.calls"}).json()
    assert (check["allowed"], check["reason"], check["remedy"]) == (False, "paused", {"kind": "resume"})
    resumed = live.post(f"{SUBSCRIPTION}/resume", {}).json()
    assert (resumed["state"], resumed["pause"]) == ("active", None)
    assert resumed["current_period"] is not None


def test_an_upcoming_pause_is_shown_and_withdrawn(live, subscribed):
    payload = live.post(f"{SUBSCRIPTION}/pause", {"at_period_end": True, "resumes_at": "2099-01-01T00:00:00Z"}).json()
    assert (payload["state"], payload["pause"]["resumes_at"]) == ("active", "2099-01-01T00:00:00Z")
    problem(live.post(f"{SUBSCRIPTION}/pause", {}), 409, "conflict")
    assert live.post(f"{SUBSCRIPTION}/resume", {}).json() | {"pause": None} == subscribed


def test_a_running_subscription_is_not_resumed(live, subscribed):
    problem(live.post(f"{SUBSCRIPTION}/resume", {}), 409, "conflict")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"starts_at": "soon"}, "starts_at"),
        ({"at_period_end": True, "starts_at": "2099-01-01T00:00:00Z"}, "starts_at"),
        ({"give_back": "none"}, "give_back"),
        ({"until": "2099"}, "until"),
    ],
)
def test_an_invalid_field_is_named(live, subscribed, body, field):
    assert set(faults(live.post(f"{SUBSCRIPTION}/pause", body))) == {field}
