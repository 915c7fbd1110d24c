"""Subscriptions over HTTP: started, read, canceled."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from billing.closing import close_due
from billing.models import ScheduledChange, Subscription
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out
from tests.api.calls import faults, problem
from tests.builders import JAN, fee, make_customer, make_plan, offer, publish, rate

BODY = {"id": "acme-pro", "customer": "acme", "plan": "pro"}


@pytest.fixture
def pro(seller):
    make_customer("acme", seller=seller, currency="EUR")
    offers = [offer("api.calls", rates=[rate("0.05")], currency="EUR")]
    return publish(make_plan("pro", fees=[fee("10", currency="EUR")], offers=offers))


def test_a_subscription_starts_now_on_the_version_in_force(live, pro):
    before = timezone.now()

    response = live.post("/subscriptions", BODY)

    assert response.status_code == 201
    assert response.json() == live.get("/subscriptions/acme-pro").json()
    subscription = Subscription.objects.get(external_id="acme-pro")
    assert before <= subscription.starts_at <= timezone.now()
    assert subscription.version == pro
    summary = {name: response.json()[name] for name in ("customer", "plan", "version", "currency", "state", "named")}
    assert summary == {
        "customer": "acme",
        "plan": "pro",
        "version": 1,
        "currency": "EUR",
        "state": "active",
        "named": False,
    }
    assert response.json()["current_period"]["start"] == response.json()["starts_at"]


def test_a_subscription_without_an_id_gets_one(live, pro):
    payload = live.post("/subscriptions", {"customer": "acme", "plan": "pro"}).json()

    assert live.get(f"/subscriptions/{payload['id']}").status_code == 200


def test_a_subscription_may_start_in_the_past_and_end_on_a_date(live, pro):
    dates = {"starts_at": "2026-02-01T01:00:00+01:00", "ends_at": "2026-06-01T00:00:00Z"}

    payload = live.post("/subscriptions", BODY | dates).json()

    assert (payload["starts_at"], payload["ends_at"]) == ("2026-02-01T00:00:00Z", "2026-06-01T00:00:00Z")
    assert payload["anchor_at"] == payload["starts_at"]


def test_a_future_subscription_has_no_period_yet(live, pro):
    start = (timezone.now() + timedelta(days=40)).isoformat()

    assert live.post("/subscriptions", BODY | {"starts_at": start}).json()["current_period"] is None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("customer", "nobody", "unknown"),
        ("customer", None, "null"),
        ("plan", "none", "unknown"),
        ("version", 7, "unknown"),
        ("version", "one", "invalid"),
        ("currency", "???", "invalid_choice"),
        ("id", "a/b", "address"),
        ("starts_at", "2026-02-01", "format"),
        ("starts_at", "2026-02-01T00:00:00", "format"),
        ("starts_at", "2026-02-30T00:00:00Z", "format"),
        ("starts_at", "2026-02-01T23:59:60Z", "format"),
        ("starts_at", "2026-02-01T24:00:00Z", "format"),
        ("starts_at", "0001-01-01T00:00:00+14:00", "bounds"),
        ("starts_at", "9999-12-31T23:59:59-14:00", "bounds"),
        ("starts_at", 1769904000, "format"),
        ("starts_at", "٢٠٢٦-02-01T00:00:00Z", "format"),
        ("state", "active", "unknown"),
        ("sandbox", True, "unknown"),
    ],
)
def test_a_field_that_is_wrong_is_named(live, pro, field, value, code):
    assert faults(live.post("/subscriptions", BODY | {field: value})) == {field: code}
    assert not Subscription.objects.exists()


def test_a_start_before_the_plan_had_prices_is_refused(live, pro):
    start = (JAN - timedelta(seconds=1)).isoformat()

    assert faults(live.post("/subscriptions", BODY | {"starts_at": start})) == {"plan": "unknown"}


def test_a_currency_without_prices_is_refused_in_words(live, pro):
    error = problem(live.post("/subscriptions", BODY | {"currency": "JPY"}), 422, "unprocessable")

    assert "Choose EUR" in error["detail"]


def test_a_feature_is_priced_by_one_subscription_at_a_time(live, pro):
    live.post("/subscriptions", BODY)

    error = problem(live.post("/subscriptions", BODY | {"id": "second"}), 409, "conflict")

    assert "acme-pro" in error["detail"]
    assert live.post("/subscriptions", BODY | {"id": "third", "named": True}).json()["named"] is True


def test_an_id_is_unique(live, pro):
    live.post("/subscriptions", BODY)

    error = problem(live.post("/subscriptions", BODY | {"named": True}), 422, "unprocessable")

    assert "acme-pro" in error["detail"]


def test_a_repeat_with_its_key_subscribes_once(live, pro):
    first, repeated = (live.post("/subscriptions", BODY, Idempotency_Key="k1") for _ in range(2))

    assert first.content == repeated.content
    assert Subscription.objects.count() == 1


def test_a_canceled_subscription_runs_to_the_end_of_its_period(live, pro):
    period = live.post("/subscriptions", BODY).json()["current_period"]

    payload = live.post("/subscriptions/acme-pro/cancel", {}).json()

    assert (payload["state"], payload["ends_at"]) == ("canceled", period["end"])
    assert payload["canceled_at"]


def test_a_subscription_may_be_canceled_at_once(live, pro):
    live.post("/subscriptions", BODY)
    before = timezone.now()

    payload = live.post("/subscriptions/acme-pro/cancel", {"when": "now"}).json()

    subscription = Subscription.objects.get()
    assert before <= subscription.ends_at <= timezone.now()
    assert payload["state"] in ("canceled", "ended")


def test_a_subscription_may_be_canceled_at_a_date(live, pro):
    live.post("/subscriptions", BODY)
    end = (timezone.now() + timedelta(days=3)).replace(microsecond=0)

    payload = live.post("/subscriptions/acme-pro/cancel", {"ends_at": end.isoformat()}).json()

    assert payload["ends_at"] == end.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"give_back": "half"}, "give_back"),
        ({"when": "soon"}, "when"),
        ({"when": "now", "ends_at": "2030-01-01T00:00:00Z"}, "ends_at"),
        ({"at": 1}, "at"),
    ],
)
def test_a_cancellation_that_is_wrong_is_named(live, pro, body, field):
    live.post("/subscriptions", BODY)

    assert set(faults(live.post("/subscriptions/acme-pro/cancel", body))) == {field}


def test_a_subscription_is_not_canceled_in_the_past(live, pro):
    live.post("/subscriptions", BODY | {"starts_at": "2026-02-01T00:00:00Z"})

    error = problem(live.post("/subscriptions/acme-pro/cancel", {"ends_at": "2026-03-01T00:00:00Z"}), 409, "conflict")

    assert "past" in error["detail"]


def test_a_cancellation_shows_its_credit_notes_and_can_be_undone(live, pro):
    live.post("/subscriptions", BODY | {"starts_at": "2026-02-01T00:00:00Z"})
    close_due(at=timezone.now())
    arguments = {"when": "now", "give_back": "refund"}

    (note,) = live.post("/subscriptions/acme-pro/cancel/preview", arguments).json()["credit_notes"]

    assert note["reason"] == "Paid in advance and not used"
    assert Subscription.objects.get().state == "active"
    problem(live.post("/subscriptions/acme-pro/cancel/withdraw", {}), 409, "conflict")
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    live.post("/subscriptions/acme-pro/cancel", {"ends_at": later, "give_back": "credit"})
    assert Subscription.objects.get().periods.filter(settles="balance").exists()
    payload = live.post("/subscriptions/acme-pro/cancel/withdraw", {}).json()
    assert (payload["state"], payload["ends_at"], payload["canceled_at"]) == ("active", None, None)


def test_subscriptions_are_found_by_customer_plan_and_state(live, pro, seller):
    make_customer("other", seller=seller, currency="EUR")
    live.post("/subscriptions", BODY)
    live.post("/subscriptions", BODY | {"id": "other-pro", "customer": "other"})
    live.post("/subscriptions/other-pro/cancel", {})

    def ids(**query):
        return [entry["id"] for entry in live.get("/subscriptions", **query).json()["data"]]

    assert ids() == ["other-pro", "acme-pro"]
    assert ids(customer="acme") == ["acme-pro"]
    assert ids(state="canceled") == ["other-pro"]
    assert ids(plan="pro", customer="other") == ["other-pro"]
    assert ids(plan="none") == []


def test_a_scheduled_version_is_shown_before_it_takes_effect(live, pro):
    assert live.post("/subscriptions", BODY).json()["scheduled_change"] is None
    now = timezone.now()
    version = make_plan("pro", fees=[fee("12", currency="EUR")])
    publish_for(version=version, audience="all", by=None, at=now, effective_from=now + timedelta(days=40))
    roll_out(at=now)

    moment = ScheduledChange.objects.get().moment
    payload = live.get("/subscriptions/acme-pro").json()
    assert (payload["version"], payload["scheduled_change"]["version"]) == (1, 2)
    assert datetime.fromisoformat(payload["scheduled_change"]["at"]) == moment


def test_a_subscription_may_start_with_a_trial(live, pro):
    payload = live.post("/subscriptions", BODY | {"trial_days": 14, "starts_at": "2026-02-01T00:00:00Z"}).json()

    assert payload["trial_ends_at"] == payload["anchor_at"] == "2026-02-15T00:00:00Z"
    assert payload["state"] == "active", "it is over"


def test_a_trial_that_starts_today_is_not_over(live, pro):
    payload = live.post("/subscriptions", BODY | {"trial_days": 14}).json()

    assert payload["state"] == "trialing"
    assert payload["current_period"]["end"] == payload["trial_ends_at"]


def test_a_trial_is_refused_beyond_two_years(live, pro):
    refused = live.post("/subscriptions", BODY | {"trial_days": 731})

    assert refused.status_code == 400
    assert "730" in refused.json()["errors"][0]["detail"]
