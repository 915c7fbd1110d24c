"""The preview of reprocessing shows the amounts it would bill, stores nothing, and equals the later result."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.metering.ingest.reprocess import reprocess
from billing.models import AggregateState, Counter, UnmatchedUsage
from billing.simulation.reprocess_preview import preview_reprocess
from invoices.models import Invoice
from tests.billing.metering.ingest.ingest_setup import call, send
from tests.builders import (
    FEB,
    JAN,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

D = Decimal
AT = FEB - timedelta(days=3)


def reports():
    return list(UnmatchedUsage.objects.values_list("pk", flat=True))


def sent_too_early(**meter):
    """Send three events of a customer created later, and one of a customer that never exists."""
    fields = {"event_name": "api.call", "aggregation": "sum", "value_property": "n", "unit": "token", **meter}
    feature = make_feature("tokens", meter=make_meter("tokens", **fields))
    stamp = {"timestamp": (JAN + timedelta(days=5)).isoformat()}
    send(*(call(f"c{n}", properties={"n": n}, **stamp) for n in (60, 40, 30)), call("x", customer="nobody"))
    ladder = [tier(100, "1"), tier(None, "0.10")]
    return subscribe(
        make_customer("acme"), publish(make_plan(offers=[offer(feature, included=10, rates=[rate(tiers=ladder)])]))
    )


def preview_facts():
    preview = preview_reprocess(at=AT, report_ids=reports())
    bills = [
        (
            usage.feature_in_period.customer,
            usage.feature_in_period.feature,
            usage.quantity,
            usage.amount,
            usage.is_late,
        )
        for usage in preview.added_usage
    ]
    return (preview.replayed.tried, preview.replayed.resolved), bills


def test_the_preview_equals_the_result():
    sent_too_early()
    counts, bills = preview_facts()
    assert (counts, bills) == ((4, 3), [("acme", "tokens", D(130), D("102.00"), False)])
    assert not Counter.objects.exists()
    assert UnmatchedUsage.objects.filter(resolved_at__isnull=True).count() == 4

    assert preview_facts() == (counts, bills), "a preview leaves nothing behind, not even in caches"
    reprocess(at=AT, report_ids=reports())
    close_due(at=FEB + timedelta(hours=1))
    assert Invoice.objects.get().net.amount == D("102.00")
    assert_clean("subscriptions", "usage", "invoices")


def test_only_added_usage_is_shown():
    sent_too_early()
    stamp = {"timestamp": (JAN + timedelta(days=6)).isoformat()}
    send(call("known", properties={"n": 110}, **stamp))
    assert preview_facts()[1] == [("acme", "tokens", D(130), D("13.00"), False)]


def test_levels_are_previewed_as_they_are_billed():
    sent_too_early(aggregation="max")
    assert preview_facts()[1] == [("acme", "tokens", D(60), D("50.00"), False)]
    assert not AggregateState.objects.exists()


def test_usage_of_a_closed_period_is_shown_as_late():
    sent_too_early()
    close_due(at=FEB + timedelta(hours=1))
    preview = preview_reprocess(at=FEB + timedelta(days=2), report_ids=reports())
    assert [(usage.amount, usage.is_late) for usage in preview.added_usage] == [(D("102.00"), True)]


def test_usage_still_without_a_price_bills_nothing():
    send(call("x", customer="nobody"))
    assert preview_facts() == ((1, 0), [])
