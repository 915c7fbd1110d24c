"""Usage without a price is stored and reported with the affected meter and the reason."""

import pytest

from billing.models import Event, UnmatchedUsage
from billing.models.unmatched_usage import UnmatchedReason
from tests.billing.metering.ingest.ingest_setup import (
    call,
    counted,
    make_metered_subscription,
    request,
    send,
    unmatched,
)
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


UNPRICED = [
    # event, reason, meter, message
    (call("c1", customer="nobody"), UnmatchedReason.UNKNOWN_CUSTOMER, None, "nobody"),
    ({**call("c1"), "event": "api.other"}, UnmatchedReason.UNKNOWN_EVENT, None, "api.other"),
    ({**call("c1"), "timestamp": "2025-12-31T23:59:59Z"}, UnmatchedReason.NO_SUBSCRIPTION, "calls", "calls"),
    ({**call("c1"), "subscription": "team-b"}, UnmatchedReason.NO_SUBSCRIPTION, "calls", "calls"),
    (request("r1", None, 1), UnmatchedReason.BAD_VALUE, "tokens", "“prompt_tokens” is missing or not a number"),
    (request("r1", 1, "many"), UnmatchedReason.BAD_VALUE, "tokens", "“completion_tokens” is missing or not a number"),
    (request("r1", 1, "1e3"), UnmatchedReason.BAD_VALUE, "tokens", "“completion_tokens” is missing or not a number"),
    (request("r1", 1, True), UnmatchedReason.BAD_VALUE, "tokens", "“completion_tokens”"),
    (request("r1", 1, [1]), UnmatchedReason.BAD_VALUE, "tokens", "“completion_tokens”"),
]


@pytest.mark.parametrize(("sent", "reason", "meter", "message"), UNPRICED)
def test_usage_without_a_price_is_stored_with_its_reason(sent, reason, meter, message):
    make_metered_subscription()

    assert send(sent) == ["accepted"]

    ((reported_reason, of_meter, detail),) = unmatched()
    assert (reported_reason, of_meter) == (reason, meter)
    assert message in detail
    assert counted() == {}


def test_a_report_refers_to_its_event():
    make_metered_subscription()

    send(call("c1"), call("c2", customer="nobody", timestamp="2026-03-01T00:00:00Z"))

    event = Event.objects.get(sender_id="c2")
    report = UnmatchedUsage.objects.get()
    assert (report.event_key, report.sequence, report.occurred_at) == (event.key, event.sequence, event.occurred_at)
    assert (report.customer, report.customer_ref, report.event_name) == (None, "nobody", "api.call")
    assert report.resolved_at is None


def test_a_repeat_is_not_reported_again():
    sent = call("c1", customer="nobody")

    assert send(sent) + send(sent) == ["accepted", "duplicate"]

    assert len(unmatched()) == 1


def test_usage_whose_dimensions_match_no_rate_is_reported():
    meter = make_meter("calls", event_name="api.call", dimensions=["model"])
    offers = [offer(make_feature("calls", meter=meter), rates=[rate("1", match={"model": "gpt"})])]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))

    send(call("c1", properties={"model": "llama"}), call("c2", properties={"model": "gpt"}))

    ((reason, of_meter, detail),) = unmatched()
    assert (reason, of_meter) == (UnmatchedReason.NO_RATE, "calls")
    assert "model llama" in detail
    assert [events for events, _ in counted().values()] == [1]


def test_unmatched_usage_of_one_meter_does_not_affect_another():
    words = make_meter("words", event_name="api.call", aggregation="sum", value_property="words")
    calls = make_meter("calls", event_name="api.call")
    offers = [offer(make_feature(meter.code, meter=meter), rates=[rate("1", label="-")]) for meter in (calls, words)]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))

    send(call("c1"))

    assert counted() == {"calls/-/03": (1, 1)}
    assert [(reason, meter) for reason, meter, _ in unmatched()] == [(UnmatchedReason.BAD_VALUE, "words")]
