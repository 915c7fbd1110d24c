"""A subscription can't end before usage that is already counted, because its bill would then contradict its end."""

from datetime import timedelta

import pytest

from billing.subscriptions import CancellationRefused, cancel
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.clean_books import clean_after_test

clean_books = clean_after_test("subscriptions", "usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

AHEAD = {"timestamp": (NOW + timedelta(minutes=30)).isoformat()}


def test_an_end_before_usage_is_rejected_with_the_earliest_time():
    subscription = make_metered_subscription()
    send(call("c1", **AHEAD))

    with pytest.raises(CancellationRefused, match="2026-03-10 12:30"):
        cancel(subscription=subscription, at=NOW, ends_at=NOW + timedelta(minutes=10))

    assert subscription.periods.get(starts_at__month=3).ends_at > NOW + timedelta(days=20)


def test_an_end_after_usage_is_accepted():
    subscription = make_metered_subscription()
    send(call("c1", **AHEAD))

    cancel(subscription=subscription, at=NOW, ends_at=NOW + timedelta(minutes=31))

    assert counted() == {"calls/call/03": (1, 1)}


def test_unrelated_usage_does_not_prevent_an_end():
    subscription = make_metered_subscription()
    make_metered_subscription("other")
    send(call("c1"), {**call("c2", **AHEAD), "event": "not.metered"}, call("c3", customer="other", **AHEAD))

    cancel(subscription=subscription, at=NOW, ends_at=NOW + timedelta(minutes=1))
