"""A report that is checked first is stored if every limit admits it, and leaves no trace otherwise."""

from datetime import timedelta

import msgspec
import pytest

from billing.limits.check import CAP_REACHED, NOT_COVERED, SPEND_CAP_REACHED, WALLET_EMPTY
from billing.limits.reservations.admission import report_usage
from billing.limits.reservations.errors import LimitReached
from billing.metering.ingest.parser import MAX_AGE, MAX_AHEAD, parse_events
from billing.models import Counter, Event, UnmatchedUsage
from tests.billing.limits.reservations.reservation_setup import (
    NOW,
    capped_customer,
    hold,
    prepaid_customer,
    send_events,
)
from tests.builders import cap
from tests.clean_books import clean_after_test

clean_books = clean_after_test("limits", "usage", "wallets")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def send(*ids, event="messages", customer="acme", at=NOW, **properties):
    body = [
        {"id": id_, "customer": customer, "event": event, "timestamp": at, "properties": properties} for id_ in ids
    ]
    events, _, _ = parse_events(
        msgspec.json.encode(body), sandbox=False, at=NOW, oldest=NOW - MAX_AGE, newest=NOW + MAX_AHEAD
    )
    return report_usage(events=events, sandbox=False, at=NOW)


def refusal(*ids, **fields):
    with pytest.raises(LimitReached) as refused:
        send(*ids, **fields)
    return refused.value.answer


def test_message_501_of_500_is_rejected_and_its_id_stays_unused():
    capped_customer(most=500)
    send_events("messages", 499)
    stored = Event.objects.count()

    assert send("m500") == ["accepted"]
    assert refusal("m501").reason == CAP_REACHED

    assert Event.objects.count() == stored + 1
    assert sum(Counter.objects.values_list("quantity", flat=True)) == 500
    assert send("m501", event="calls") == ["accepted"]  # the id was never send_events


def test_a_repeat_is_a_duplicate_although_nothing_remains():
    capped_customer(most=1)
    send("m1")

    assert send("m1") == ["duplicate"]


def test_a_batch_is_admitted_completely_or_not_at_all():
    capped_customer(most=2)

    assert refusal("m1", "m2", "m3").reason == CAP_REACHED
    assert not Event.objects.exists()
    assert send("m1", "m2") == ["accepted", "accepted"]


def test_reserved_units_are_not_available_to_reports():
    capped_customer(most=2)
    hold("run-1", 1)

    assert send("m1") == ["accepted"]
    assert refusal("m2").reason == CAP_REACHED


def test_a_wallet_admits_usage_within_its_balance():
    wallet = prepaid_customer(balance=12)

    send("r1", event="run", kind="complex")
    assert refusal("r2", event="run", kind="complex").reason == WALLET_EMPTY
    send("r3", "r4", event="run")

    wallet.refresh_from_db()
    assert wallet.balance == 0


def test_a_reached_cap_admits_usage_without_cost():
    acme = capped_customer()
    cap(acme, 1, at=NOW, action="stop")
    send_events("calls", 4)  # 2 of 1: unchecked usage counts despite the cap

    assert send("m1") == ["accepted"]
    assert refusal("c1", event="calls").reason == SPEND_CAP_REACHED


def test_uncovered_usage_is_rejected_and_not_stored_as_unmatched():
    capped_customer()

    assert refusal("x1", customer="nobody").reason == NOT_COVERED
    assert refusal("x2", at=NOW - timedelta(days=300)).reason == NOT_COVERED
    assert not UnmatchedUsage.objects.exists()
