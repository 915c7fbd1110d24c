"""Pauses over HTTP: begun, told of, and ended."""

import pytest

from billing.closing import close_due
from tests.api.calls import faults, problem
from tests.builders import JAN, fee, make_customer, make_plan, offer, publish, rate

ONE = "/subscriptions/acme-1"


@pytest.fixture
def subscribed(live, seller):
    """Acme on a plan for 10 EUR a month, since January."""
    offers = [offer("api.calls", rates=[rate("0.05")], currency="EUR")]
    publish(make_plan("pro", fees=[fee("10", currency="EUR")], offers=offers))
    make_customer("acme", seller=seller, currency="EUR")
    told = live.post(
        "/subscriptions", {"id": "acme-1", "customer": "acme", "plan": "pro", "starts_at": JAN.isoformat()}
    )
    close_due(at=JAN)
    return told.json()


def test_it_is_paused_now_and_goes_on(live, subscribed):
    assert subscribed["pause"] is None
    told = live.post(f"{ONE}/pause", {"reason": "Summer"}).json()
    assert (told["state"], told["current_period"], told["pause"]["resumes_at"]) == ("paused", None, None)
    check = live.post("/check", {"customer": "acme", "feature": "api.calls"}).json()
    assert (check["allowed"], check["reason"], check["remedy"]) == (False, "paused", {"kind": "resume"})
    again = live.post(f"{ONE}/resume", {}).json()
    assert (again["state"], again["pause"]) == ("active", None)
    assert again["current_period"] is not None


def test_one_to_come_is_told_and_taken_back(live, subscribed):
    told = live.post(f"{ONE}/pause", {"at_period_end": True, "resumes_at": "2099-01-01T00:00:00Z"}).json()
    assert (told["state"], told["pause"]["resumes_at"]) == ("active", "2099-01-01T00:00:00Z")
    problem(live.post(f"{ONE}/pause", {}), 409, "conflict")
    assert live.post(f"{ONE}/resume", {}).json() | {"pause": None} == subscribed


def test_what_is_not_paused_is_not_resumed(live, subscribed):
    problem(live.post(f"{ONE}/resume", {}), 409, "conflict")


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
    assert set(faults(live.post(f"{ONE}/pause", body))) == {field}
