"""Quotas and throttles of a feature: in checks, reservations and checked reports, over late and corrected usage."""

import json
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection, transaction

from billing.audit.usage.recount import recount
from billing.limits.check import QUOTA_REACHED, check
from billing.limits.reservations import commit, release, reserve
from billing.limits.reservations.admission import report_usage
from billing.limits.reservations.errors import LimitReached
from billing.metering.corrections.bucket_rebuild import rebuild_buckets
from billing.metering.ingest.parser import MAX_AGE, MAX_AHEAD, parse_events
from billing.models import CapBucket, Counter, UsageBucket
from billing.subscriptions import change_plan
from tests.billing.metering.corrections.correction_setup import void
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    JAN,
    cap,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import clean_after_test

clean_books = clean_after_test("limits", "usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

NOW = JAN + timedelta(days=10)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FIVE_HOURS = {"kind": "quota", "window_unit": "hour", "window_count": 5}
FROM_FIRST_USE = {**FIVE_HOURS, "most": D(3), "window_start": "first_use"}


def limited_customer(*limits: dict[str, Any], **fields: Any):
    """Return acme's subscription to a plan with messages under these limits."""
    messages = offer("messages", limits=limits, **{"rates": [rate("0")], **fields})
    return subscribe(make_customer("acme"), publish(make_plan(offers=[messages])))


def sent(*times, start=0, at=NOW):
    """Send a message at each of these times."""
    send(
        *[
            {"id": f"m-{start + n}", "customer": "acme", "event": "messages", "timestamp": occurred_at.isoformat()}
            for n, occurred_at in enumerate(times)
        ],
        at=at,
    )


def check_messages(quantity=1, *, at=NOW):
    return check(customer="acme", feature="messages", quantity=D(quantity), sandbox=False, at=at)


def hold(reference, quantity=1, *, at=NOW):
    arguments = {"customer": "acme", "feature": "messages", "sandbox": False, "duration": MINUTE}
    return reserve(reference=reference, quantity=D(quantity), at=at, **arguments)[0]


def report(id_, *, at=NOW):
    body = b'{"id":"%s","customer":"acme","event":"messages","timestamp":"%s"}' % (
        id_.encode(),
        at.isoformat().encode(),
    )
    events, _, _ = parse_events(body, sandbox=False, at=at, oldest=at - MAX_AGE, newest=at + MAX_AHEAD)
    return report_usage(events=events, sandbox=False, at=at)


# Quotas -----------------------------------------------------------------------------------------------------------


def test_a_sliding_quota_refuses_until_its_first_uses_leave_the_window():
    limited_customer({**FIVE_HOURS, "most": D(3)})
    sent(NOW - 4 * HOUR, NOW - 2 * HOUR, NOW - HOUR)

    answer = check_messages()
    (quota,) = answer.limits
    assert (answer.allowed, answer.reason, quota.used) == (False, QUOTA_REACHED, 3)
    assert quota.resets_at == NOW + HOUR + 5 * MINUTE
    assert check_messages(at=quota.resets_at - timedelta(seconds=1)).reason == QUOTA_REACHED
    assert check_messages(at=quota.resets_at).allowed


def test_a_quota_from_first_use_starts_over_as_a_whole():
    limited_customer(FROM_FIRST_USE)
    sent(NOW - 4 * HOUR, NOW - 2 * HOUR, NOW - HOUR)

    (quota,) = check_messages().limits
    assert (quota.used, quota.resets_at, quota.refuses) == (3, NOW + HOUR, True)
    sent(NOW + HOUR, start=9)
    (quota,) = check_messages(2, at=NOW + HOUR).limits
    assert (quota.used, quota.resets_at, quota.refuses) == (1, NOW + 6 * HOUR, False)


def test_a_late_event_counts_in_the_window_of_its_own_time():
    limited_customer(FROM_FIRST_USE)
    sent(NOW - 4 * HOUR)
    sent(NOW - 5 * HOUR, start=1)  # before the window, which it shortens
    sent(NOW - 3 * HOUR, NOW - 4 * HOUR - MINUTE, start=2)

    windows = dict(UsageBucket.objects.filter(is_window=True).values_list("starts_at", "events"))
    assert windows == {NOW - 4 * HOUR: 2, NOW - 5 * HOUR: 2}
    assert check_messages().limits[0].used == 2


def test_late_and_voided_events_change_a_sliding_window():
    limited_customer({**FIVE_HOURS, "most": D(3)})
    sent(NOW - HOUR)
    sent(NOW - 2 * HOUR, NOW - 6 * HOUR, start=1)
    assert check_messages().limits[0].used == 2

    void("m-0", at=NOW)
    assert check_messages().limits[0].used == 1


def test_a_request_that_waited_for_its_turn_is_refused_by_uses_after_its_own_time():
    limited_customer({"kind": "quota", "window_unit": "minute", "most": D(3)})
    sent(*[NOW + timedelta(seconds=2)] * 3)

    assert check_messages(at=NOW).reason == QUOTA_REACHED
    with pytest.raises(LimitReached):
        hold("run-1", at=NOW)
    with pytest.raises(LimitReached):
        report("r-1", at=NOW)


def test_a_checked_report_of_several_times_is_within_the_quota_at_each_end():
    limited_customer({"kind": "quota", "window_unit": "minute", "most": D(3)})
    sent(*[NOW - timedelta(seconds=58)] * 3)
    later = [NOW - timedelta(seconds=58), NOW + timedelta(seconds=3)]
    events = [
        {"id": f"r-{n}", "customer": "acme", "event": "messages", "timestamp": at.isoformat()}
        for n, at in enumerate(later)
    ]
    oldest, newest = NOW - MAX_AGE, NOW + MAX_AHEAD
    parsed, _, _ = parse_events(json.dumps(events).encode(), sandbox=False, at=NOW, oldest=oldest, newest=newest)

    with pytest.raises(LimitReached):
        report_usage(events=parsed, sandbox=False, at=NOW)
    assert report_usage(events=parsed[1:], sandbox=False, at=NOW) == ["accepted"]


def test_several_limits_are_listed_and_the_strictest_decides():
    limited_customer(
        {"kind": "quota", "window_unit": "minute", "most": D(2), "after": "slow", "slow_to": D(1)},
        {**FIVE_HOURS, "most": D(4)},
        {"kind": "quota", "window_unit": "week", "most": D(1), "after": "overage"},
        included=1,
    )
    sent(*[NOW - timedelta(seconds=10)] * 3)
    answer = check_messages()
    assert [(limit.used, limit.refuses, limit.retry_after) for limit in answer.limits] == [
        (3, False, 51),
        (3, False, None),
        (3, False, None),
    ]
    assert (answer.allowed, answer.retry_after, answer.remaining) == (True, 51, 0)
    sent(NOW - timedelta(seconds=9), start=3)
    assert check_messages().reason == QUOTA_REACHED


def test_reservations_count_until_they_are_released():
    limited_customer({**FIVE_HOURS, "most": D(3)})
    sent(NOW - HOUR)
    first = hold("run-1", 2)
    with pytest.raises(LimitReached) as refused:
        hold("run-2")
    assert refused.value.answer.reason == QUOTA_REACHED
    release(reservation_id=first.pk, at=NOW)
    second = hold("run-2")
    commit(reservation_id=second.pk, at=NOW)
    assert check_messages().limits[0].used == 2


def test_a_checked_report_is_refused_at_the_quota_and_stores_nothing():
    limited_customer({**FIVE_HOURS, "most": D(2)})
    assert report("r-1") == report("r-2") == ["accepted"]
    with pytest.raises(LimitReached) as refused:
        report("r-3")
    assert refused.value.answer.reason == QUOTA_REACHED
    assert sum(Counter.objects.values_list("quantity", flat=True)) == 2
    assert check_messages().limits[0].used == 2


def test_a_quota_goes_on_through_a_plan_change():
    subscription = limited_customer({**FIVE_HOURS, "most": D(3)})
    feature = subscription.version.features.get().feature
    larger = publish(
        make_plan("larger", offers=[offer(feature, rates=[rate("0")], limits=[{**FIVE_HOURS, "most": D(5)}])])
    )
    sent(*[NOW - HOUR] * 3)
    assert not check_messages().allowed
    change_plan(subscription=subscription, version=larger, at=NOW)
    answer = check_messages(2)
    assert (answer.allowed, answer.limits[0].used) == (True, 3)


def test_obsolete_buckets_are_deleted():
    limited_customer({**FIVE_HOURS, "most": D(3)}, {"kind": "throttle", "most": D(3)})
    sent(NOW - 6 * HOUR)
    sent(NOW - 5 * HOUR, start=1)
    sent(NOW, start=2)
    widths = UsageBucket.objects.order_by("seconds", "starts_at").values_list("seconds", "starts_at")
    assert list(widths) == [(1, NOW), (300, NOW - 5 * HOUR), (300, NOW)]


# Throttles --------------------------------------------------------------------------------------------------------


def test_usage_beyond_the_allowance_is_slowed_down():
    limited_customer({"kind": "throttle", "most": D(2)}, included=3)
    assert (check_messages(3).retry_after, check_messages(4).retry_after) == (None, 0)
    sent(*[NOW - timedelta(seconds=20)] * 5)
    answer = check_messages()
    assert (answer.allowed, answer.retry_after, answer.remaining) == (True, 41, 0)
    assert check_messages(at=NOW + timedelta(seconds=41)).retry_after == 0


def test_reserved_uses_are_slowed_down_as_well():
    limited_customer({"kind": "throttle", "most": D(2)}, included=0)
    hold("run-1", 2)
    assert check_messages().retry_after == 61


def test_events_are_throttled_where_units_make_up_the_allowance():
    tokens = make_feature(
        "messages", meter=make_meter("tokens", event_name="messages", aggregation="sum", value_property="n")
    )
    throttle = {"kind": "throttle", "most": D(2), "counts": "events"}
    version = publish(make_plan(offers=[offer(tokens, included=100, rates=[rate("0")], limits=[throttle])]))
    subscribe(make_customer("acme"), version)
    for n in range(2):
        send(
            {
                "id": str(n),
                "customer": "acme",
                "event": "messages",
                "timestamp": NOW.isoformat(),
                "properties": {"n": 60},
            },
            at=NOW,
        )
    assert check_messages(500, at=NOW + MINUTE / 2).retry_after == 31


def test_a_spend_cap_throttles_from_its_share_on():
    subscription = limited_customer(rates=[rate("1")])
    cap(subscription, 10, at=NOW - HOUR, action="throttle", per_minute=2, throttles_from=80)
    sent(*[NOW - timedelta(seconds=20)] * 7)
    assert check_messages().retry_after is None
    assert check_messages(2).retry_after == 41
    sent(*[NOW - timedelta(seconds=10)], start=7)
    assert check_messages().retry_after == 41
    assert check_messages(at=NOW + timedelta(seconds=40)).retry_after == 1
    assert check_messages(at=NOW + timedelta(seconds=41)).retry_after == 0


def test_the_longest_wait_of_several_caps_decides():
    subscription = limited_customer(rates=[rate("1")])
    cap(subscription, 1, at=NOW - HOUR, action="throttle", per_minute=5)
    cap(subscription, 1, at=NOW - HOUR, action="throttle", per_minute=1, feature="messages")
    sent(*[NOW - timedelta(seconds=20)] * 2)
    assert check_messages().retry_after == 41


def test_reserved_events_count_toward_a_cap_that_throttles():
    subscription = limited_customer(rates=[rate("1")])
    cap(subscription, 1, at=NOW - HOUR, action="throttle", per_minute=3)
    hold("run-1", 2)
    assert check_messages().retry_after == 0
    hold("run-2")
    assert check_messages().retry_after == 61


def test_a_new_throttle_counts_the_next_event():
    subscription = limited_customer(rates=[rate("1")])
    sent(NOW - HOUR)  # ingest caches the period
    cap(subscription, 1, at=NOW - MINUTE, action="throttle", per_minute=1)
    sent(NOW, start=1)
    assert check_messages().retry_after == 61


def test_a_spend_cap_counts_only_its_own_dimension_value():
    meter = make_meter("messages", dimensions=["key"])
    messages = offer(make_feature("messages", meter=meter), rates=[rate("1")])
    subscription = subscribe(make_customer("acme"), publish(make_plan(offers=[messages])))
    for key in ("a", "b"):
        cap(subscription, 1, at=NOW - HOUR, action="throttle", per_minute=2, match={"key": key})
    for n, key in enumerate("aaab"):
        event = {"id": str(n), "customer": "acme", "event": "messages", "timestamp": NOW.isoformat()}
        send({**event, "properties": {"key": key}}, at=NOW)

    def retry_after(key):
        arguments = {"customer": "acme", "feature": "messages", "quantity": D(1), "sandbox": False}
        return check(**arguments, at=NOW, properties={"key": key}).retry_after

    assert (retry_after("a"), retry_after("b"), retry_after("c")) == (61, 0, None)


# Buckets ----------------------------------------------------------------------------------------------------------


def test_rebuilt_buckets_equal_those_that_ingest_made():
    subscription = limited_customer(
        {**FIVE_HOURS, "most": D(3), "window_start": "first_use"}, {"kind": "throttle", "most": D(3)}
    )
    cap(subscription, 1, at=NOW - HOUR, action="throttle", per_minute=2)
    sent(NOW - 2 * HOUR, NOW - MINUTE, NOW)
    void("m-1", at=NOW)
    kept = [list(model.objects.order_by("pk").values()) for model in (UsageBucket, CapBucket)]

    with transaction.atomic():
        rebuild_buckets(subscription=subscription, names=["messages"], at=NOW)

    assert kept == [list(model.objects.order_by("pk").values()) for model in (UsageBucket, CapBucket)]


CORRUPTIONS = [
    "UPDATE billing_usagebucket SET events = events + 1 WHERE {which}",
    "UPDATE billing_usagebucket SET quantity = quantity - 1 WHERE {which}",
    "UPDATE billing_usagebucket SET starts_at = starts_at + interval '1 hour' WHERE {which}",
    "UPDATE billing_usagebucket SET seconds = seconds * 2 WHERE {which}",
    "DELETE FROM billing_usagebucket WHERE {which}",
]


@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("which", ["is_window", "NOT is_window AND seconds = 300"])
def test_the_audit_finds_a_wrong_bucket(corruption, which):
    limited_customer(
        {**FIVE_HOURS, "most": D(3)}, {**FIVE_HOURS, "counts": "events", "most": D(3), "window_start": "first_use"}
    )
    sent(NOW - 2 * HOUR)
    assert not recount().buckets
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(corruption.format(which=which))
        assert recount().buckets
        transaction.set_rollback(True)


@pytest.mark.parametrize("corruption", ["events = events + 1", "starts_at = starts_at - interval '1 second'"])
def test_the_audit_finds_a_wrong_second_of_a_cap(corruption):
    subscription = limited_customer()
    sent(NOW, at=NOW - MINUTE)  # counted before the cap was set
    cap(subscription, 1, at=NOW - MINUTE / 2, action="throttle", per_minute=2)
    sent(NOW, NOW - MINUTE, start=1)
    assert not recount().buckets
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE billing_capbucket SET {}".format(corruption))  # noqa: S608, UP032
        assert recount().buckets
        transaction.set_rollback(True)
