"""Usage of a feature that the customer's plan doesn't sell has a reason of its own, and does not count as a loss."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.limits.reservations.admission import report_usage
from billing.limits.reservations.errors import LimitReached
from billing.metering.ingest import customer_cache, event_recorder
from billing.metering.ingest.reprocess import reprocess
from billing.metering.usage.unmatched_value import estimate_unmatched_value
from billing.models import Counter, UnmatchedUsage
from billing.revenue.month_end.checklist import read_checklist
from billing.subscriptions import change_plan, pause
from invoices.models import Invoice
from tests.billing.metering.ingest.ingest_setup import call, calls, read, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import APR, FEB, JAN, make_customer, make_plan, make_seller, offer, publish, rate, subscribe
from tests.clean_books import assert_clean
from tests.docs_tables import rows

SUBJECTS = ("subscriptions", "usage", "invoices")

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def basic():
    """Publish a plan without calls."""
    calls()
    return publish(make_plan("basic", offers=[offer("seats", rates=[rate("5")])]))


def pro():
    """Publish a plan with calls at 0.01."""
    return publish(make_plan("pro", offers=[offer(calls(), rates=[rate("0.01")])]))


def only_reason():
    return UnmatchedUsage.objects.values_list("reason", flat=True).get()


@pytest.mark.parametrize(
    "row", rows("ingest.md", "usage-that-the-plan-does-not-sell"), ids=lambda row: f"{row['event names']}: {row}"
)
def test_usage_has_the_reason_that_is_documented(row):
    customer, running = make_customer("acme"), row["subscriptions at the event's time"]
    calls()
    if "basic" in running:
        subscribe(customer, basic(), external_id="basic")
    if "pro" in running:
        subscription = subscribe(customer, pro(), external_id="pro")
        if "paused" in running:
            pause(subscription=subscription, at=NOW - HOUR)
    named = {"no subscription": "", "another one": "other"}.get(row["event names"], row["event names"])
    send(call("a", timestamp=NOW.isoformat(), **({"subscription": named} if named else {})))
    if row["reason"] == "counted":
        assert Counter.objects.get().quantity == 1
    else:
        assert only_reason() == row["reason"]
        assert not Counter.objects.exists()
    assert_clean(*SUBJECTS)


def test_it_counts_neither_as_unmatched_nor_as_money_at_stake():
    subscribe(make_customer("acme"), basic())
    send(call("a"), call("b", customer="nobody"))
    assert [report.customer_ref for report in UnmatchedUsage.objects.outstanding()] == ["nobody"]
    assert [report.customer_ref for report in UnmatchedUsage.objects.not_sold()] == ["acme"]
    value = estimate_unmatched_value(UnmatchedUsage.objects.outstanding())
    assert [stake.group.customer_ref for stake in value.stakes] == ["nobody"]


def test_it_is_no_point_of_the_months_checklist():
    subscribe(make_customer("acme"), basic())
    send(call("a", timestamp=JAN.isoformat()), call("b", customer="nobody", timestamp=JAN.isoformat()))
    points = {point.code: point.count for point in read_checklist(seller=make_seller(), month=JAN.date())}
    assert points["unmatched_usage"] == 1


def test_it_is_billed_once_a_plan_change_sells_the_feature():
    subscription = subscribe(make_customer("acme"), basic())
    send(call("a", timestamp=(NOW + HOUR / 2).isoformat()))
    assert only_reason() == "not_sold"
    assert reprocess(at=NOW).resolved == 0
    change_plan(subscription=subscription, version=pro(), at=NOW)
    assert reprocess(at=NOW).resolved == 1
    assert_clean(*SUBJECTS)
    close_due(at=APR + HOUR)
    lines = [line for invoice in Invoice.objects.all() for line in invoice.lines.filter(kind="usage")]
    assert [(line.quantity, line.amount.amount) for line in lines] == [(1, Decimal("0.01"))]


def test_it_is_billed_once_another_subscription_sells_the_feature():
    customer = make_customer("acme")
    subscribe(customer, basic())
    send(call("a"))
    subscribe(customer, pro(), external_id="more")
    assert reprocess(at=NOW).resolved == 1
    assert_clean(*SUBJECTS)


def test_an_old_copy_of_the_customer_is_read_again_first():
    customer = make_customer("acme")
    subscribe(customer, basic())
    send(call("a"))
    copy = customer_cache.get_customers(["acme"], sandbox=False, since=FEB)["acme"]
    # Another process subscribes the customer: the copy of this one doesn't see that.
    subscribe(customer, pro(), external_id="more")
    assert len(copy.periods_at(NOW, subscription_ref="")) == 1
    [attribution] = event_recorder.attribute_events(read(call("b")), sandbox=False).attributions
    assert attribution.unmatched_parts == (), "attribution itself looks again, before the gate compares revisions"
    send(call("b"))
    assert Counter.objects.get().quantity == 1
    assert UnmatchedUsage.objects.count() == 1


def test_a_checked_report_of_it_is_refused():
    subscribe(make_customer("acme"), basic())
    with pytest.raises(LimitReached) as error:
        report_usage(events=read(call("a")), sandbox=False, at=NOW)
    assert error.value.answer.reason == "no_subscription"
    assert not UnmatchedUsage.objects.exists()
