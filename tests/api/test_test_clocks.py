"""Sandbox customers live in the time of their test clock in every HTTP operation."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import Event
from billing.simulation.sandbox import advance_clock
from customers.models import TestClock
from invoices.models import Invoice
from tests.api.calls import Caller
from tests.billing.simulation.sandbox.clock_setup import advance_to
from tests.builders import JAN, MAR, fee, make_clock, make_plan, make_seller, offer, publish, rate

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
AHEAD = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def caller() -> Caller:
    return Caller(sandbox=True)


def customer(caller: Caller, clock: TestClock | None, name: str = "acme") -> dict:
    response = caller.post(
        "/customers", {"id": name, "legal_name": "Acme", "country": "US", "test_clock": clock and clock.pk}
    )
    assert response.status_code == 201, response.json()
    return response.json()


def subscribed(caller: Caller, clock: TestClock) -> None:
    make_seller()
    customer(caller, clock)
    offers = [offer("calls", included=10, rates=[rate("0.10")])]
    publish(make_plan("pro", fees=[fee("31")], offers=offers), at=JAN)
    response = caller.post("/subscriptions", {"id": "acme-1", "customer": "acme", "plan": "pro"})
    assert (response.status_code, response.json()["starts_at"]) == (201, "2031-01-01T00:00:00Z")


def test_a_clock_is_made_advanced_and_read(caller):
    response = caller.post("/test-clocks", {"name": "A year", "now": "2031-01-01T00:00:00Z"})
    assert (response.status_code, response.json()["state"]) == (201, "standing")
    clock = response.json()["id"]

    sent = caller.post(f"/test-clocks/{clock}/advance", {"to": "2031-03-01T00:00:00Z"})
    assert (sent.status_code, sent.json()["state"], sent.json()["target"]) == (
        202,
        "advancing",
        "2031-03-01T00:00:00Z",
    )
    advance_clock(clock_id=clock)

    read = caller.get(f"/test-clocks/{clock}").json()
    assert (read["state"], read["now"], read["target"]) == ("standing", "2031-03-01T00:00:00Z", None)
    assert [entry["id"] for entry in caller.get("/test-clocks").json()["data"]] == [clock]


@pytest.mark.parametrize(
    ("to", "why"), [("2030-12-31T00:00:00Z", "only moves forward"), ("2041-01-01T00:00:00Z", "five years")]
)
def test_a_clock_is_not_advanced_backward_or_too_far(caller, to, why):
    answer = caller.post(f"/test-clocks/{make_clock(AHEAD).pk}/advance", {"to": to})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "to")
    assert why in answer.json()["detail"]


def test_an_advancing_clock_can_not_be_redirected_but_stopped(caller):
    clock = make_clock(AHEAD).pk
    caller.post(f"/test-clocks/{clock}/advance", {"to": "2031-03-01T00:00:00Z"})

    assert caller.post(f"/test-clocks/{clock}/advance", {"to": "2031-04-01T00:00:00Z"}).status_code == 422
    assert caller.post(f"/test-clocks/{clock}/stop", {}).json()["state"] == "standing"


def test_live_keys_see_no_clock():
    live, clock = Caller(), make_clock(AHEAD)
    make_seller()

    assert live.get("/test-clocks").json()["data"] == []
    assert live.get(f"/test-clocks/{clock.pk}").status_code == 404
    assert live.post("/test-clocks", {"name": "Mine"}).status_code == 404
    arguments = {"id": "acme", "legal_name": "Acme", "country": "US", "test_clock": clock.pk}
    assert live.post("/customers", arguments).json()["errors"][0]["field"] == "test_clock"


def test_every_operation_of_a_customer_uses_its_clock(caller):
    clock = make_clock(AHEAD)
    subscribed(caller, clock)

    sent = [{"id": f"e{n}", "customer": "acme", "event": "calls"} for n in range(12)]
    assert caller.post("/events", sent).json()["accepted"] == 12
    assert set(Event.objects.values_list("occurred_at", "received_at")) == {(AHEAD, AHEAD)}
    (period,) = caller.get("/customers/acme/usage").json()["periods"]
    assert (period["start"], period["features"][0]["used"]) == ("2031-01-01T00:00:00Z", "12")
    assert caller.post("/check", {"customer": "acme", "feature": "calls"}).json()["allowed"]
    reservation = caller.post(
        "/reservations", {"customer": "acme", "feature": "calls", "quantity": "1", "ttl": 60}
    ).json()
    assert reservation["expires_at"] == "2031-01-01T00:01:00Z"
    read = caller.get("/subscriptions/acme-1").json()
    assert read["current_period"]["start"] == "2031-01-01T00:00:00Z"
    advance_to(clock, AHEAD + DAY)
    ended = caller.post("/subscriptions/acme-1/cancel", {"when": "now"}).json()
    assert ended["ends_at"] == "2031-01-02T00:00:00Z"
    assert Invoice.objects.filter(issued_at__lt=AHEAD).count() == 0


def test_times_of_events_are_bounded_by_the_clock(caller):
    clock = make_clock(AHEAD)
    subscribed(caller, clock)
    times = {"now": "2031-01-01T00:30:00Z", "today": "2026-11-23T00:00:00Z", "later": "2031-01-02T00:00:00Z"}
    sent = [{"id": id_, "customer": "acme", "event": "calls", "timestamp": at} for id_, at in times.items()]

    answer = caller.post("/events", sent).json()

    assert [(result["id"], result["status"]) for result in answer["results"]] == [
        ("now", "accepted"),
        ("today", "rejected"),
        ("later", "rejected"),
    ]
    assert "2031-01-01T01:00:00+00:00" in answer["results"][2]["detail"]


def test_events_of_several_clocks_are_stored_unless_the_batch_is_atomic(caller):
    make_seller()
    customer(caller, make_clock(AHEAD), "ahead")
    customer(caller, make_clock(JAN), "behind")
    customer(caller, None, "here")
    sent = [{"id": name, "customer": name, "event": "calls"} for name in ("ahead", "here", "behind")]

    assert caller.post("/events?atomic=true", sent).status_code == 422
    assert caller.post("/events", sent).json()["accepted"] == 3
    at = dict(Event.objects.values_list("customer_ref", "occurred_at"))
    assert (at["ahead"], at["behind"], at["here"].year < 2031) == (AHEAD, JAN, True)


def test_events_are_corrected_in_the_time_of_their_clock(caller):
    subscribed(caller, make_clock(AHEAD))
    caller.post("/events", {"id": "e1", "customer": "acme", "event": "calls"})
    right = {"id": "e2", "customer": "acme", "event": "calls", "timestamp": "2031-01-01T00:00:10Z"}

    arguments = {"id": "e1", "kind": "replace", "reason": "wrong", "replacement": right}
    assert caller.post("/events/corrections", arguments).json()["accepted"] == 1
    arguments = {
        "id": "e2",
        "kind": "replace",
        "reason": "no",
        "replacement": {**right, "timestamp": MAR.isoformat()},
    }
    assert caller.post("/events/corrections", arguments).status_code == 400
