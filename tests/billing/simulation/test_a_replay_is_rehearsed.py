"""Before unmatched usage is tried again, it is said what that would bill; nothing of it stays, and it comes true."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.audit import assert_clean
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

pytestmark = pytest.mark.django_db

D = Decimal
AT = FEB - timedelta(days=3)


def reports():
    return list(UnmatchedUsage.objects.values_list("pk", flat=True))


def sent_too_early(**meter):
    """Send three events of a customer that comes later, and one of one that never does."""
    fields = {"event_name": "api.call", "aggregation": "sum", "value_property": "n", "unit": "token", **meter}
    feature = make_feature("tokens", meter=make_meter("tokens", **fields))
    stamp = {"timestamp": (JAN + timedelta(days=5)).isoformat()}
    send(*(call(f"c{n}", properties={"n": n}, **stamp) for n in (60, 40, 30)), call("x", customer="nobody"))
    ladder = [tier(100, "1"), tier(None, "0.10")]
    return subscribe(
        make_customer("acme"), publish(make_plan(offers=[offer(feature, included=10, rates=[rate(tiers=ladder)])]))
    )


def told():
    found = preview_reprocess(at=AT, report_ids=reports())
    bills = [
        (one.feature_in_period.customer, one.feature_in_period.feature, one.quantity, one.amount, one.is_late)
        for one in found.added_usage
    ]
    return (found.replayed.tried, found.replayed.resolved), bills


def test_what_it_would_bill_is_what_the_replay_bills():
    sent_too_early()
    counts, bills = told()
    assert (counts, bills) == ((4, 3), [("acme", "tokens", D(130), D("102.00"), False)])
    assert not Counter.objects.exists()
    assert UnmatchedUsage.objects.filter(resolved_at__isnull=True).count() == 4

    assert told() == (counts, bills), "a rehearsal leaves nothing behind, also not in what processes remember"
    reprocess(at=AT, report_ids=reports())
    close_due(at=FEB + timedelta(hours=1))
    assert Invoice.objects.get().net.amount == D("102.00")
    assert_clean()


def test_only_what_is_added_is_told():
    sent_too_early()
    stamp = {"timestamp": (JAN + timedelta(days=6)).isoformat()}
    send(call("known", properties={"n": 110}, **stamp))
    assert told()[1] == [("acme", "tokens", D(130), D("13.00"), False)]


def test_levels_are_rehearsed_as_they_are_billed():
    sent_too_early(aggregation="max")
    assert told()[1] == [("acme", "tokens", D(60), D("50.00"), False)]
    assert not AggregateState.objects.exists()


def test_usage_of_a_closed_period_is_told_to_be_late():
    sent_too_early()
    close_due(at=FEB + timedelta(hours=1))
    found = preview_reprocess(at=FEB + timedelta(days=2), report_ids=reports())
    assert [(one.amount, one.is_late) for one in found.added_usage] == [(D("102.00"), True)]


def test_what_still_has_no_price_bills_nothing():
    send(call("x", customer="nobody"))
    assert told() == ((1, 0), [])
