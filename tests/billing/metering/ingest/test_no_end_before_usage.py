"""A subscription does not end before usage that is counted already: the end would be a lie, and the bill another."""

from datetime import timedelta

import pytest

from billing.subscriptions import CancellationRefused, cancel
from tests.billing.metering.ingest.request_parser import NOW
from tests.billing.metering.ingest.world import call, counted, make_world, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

AHEAD = {"timestamp": (NOW + timedelta(minutes=30)).isoformat()}


def test_an_end_before_usage_is_refused_and_says_until_when():
    subscription = make_world()
    send(call("c1", **AHEAD))

    with pytest.raises(CancellationRefused, match="2026-03-10 12:30"):
        cancel(subscription=subscription, at=NOW, ends_at=NOW + timedelta(minutes=10))

    assert subscription.periods.get(starts_at__month=3).ends_at > NOW + timedelta(days=20)


def test_an_end_after_usage_is_accepted():
    subscription = make_world()
    send(call("c1", **AHEAD))

    cancel(subscription=subscription, at=NOW, ends_at=NOW + timedelta(minutes=31))

    assert counted() == {"calls/call/03": (1, 1)}


def test_usage_of_another_kind_or_customer_does_not_matter():
    subscription = make_world()
    make_world("other")
    send(call("c1"), {**call("c2", **AHEAD), "event": "not.metered"}, call("c3", customer="other", **AHEAD))

    cancel(subscription=subscription, at=NOW, ends_at=NOW + timedelta(minutes=1))
