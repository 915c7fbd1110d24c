"""Unmatched usage is billed, once, as soon as its customer, meter, subscription or rate exists."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from billing.closing import close_due
from billing.metering.ingest.reprocess import reprocess
from billing.models import Counter, Event, UnmatchedUsage
from customers.models import Customer
from invoices.models import Line
from plans.models import Meter
from tests.billing.metering.ingest.ingest_setup import call, calls, make_metered_subscription, request, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import FEB, MAR, make_customer, make_meter, make_plan, offer, publish, rate, subscribe
from tests.clean_books import assert_clean

SUBJECTS = ("subscriptions", "usage", "invoices")

pytestmark = pytest.mark.django_db


def open_reports() -> list[tuple[str, str]]:
    rows = UnmatchedUsage.objects.filter(resolved_at__isnull=True).order_by("id")
    return [(row.reason, row.event_name) for row in rows]


def counted() -> Decimal:
    return sum((counter.quantity for counter in Counter.objects.all()), Decimal(0))


def test_usage_of_a_customer_created_later_is_billed():
    make_metered_subscription("other")
    send(call("a", customer="acme"), call("b", customer="nobody"))
    make_metered_subscription("acme")

    done = reprocess(at=NOW)

    assert (done.tried, done.resolved, done.left) == (2, 1, 1)
    assert counted() == 1
    assert Event.objects.get(sender_id="a").customer_id is not None
    assert open_reports() == [("unknown_customer", "api.call")]
    assert_clean(*SUBJECTS)


def test_it_is_billed_once_however_often_it_is_reprocessed():
    send(call("a"), call("b"))
    make_metered_subscription("acme")
    assert [reprocess(at=NOW).resolved for _ in range(3)] == [2, 0, 0]
    assert counted() == 2
    assert send(call("a")) == ["duplicate"]
    assert_clean(*SUBJECTS)


def test_usage_of_a_meter_created_later_is_billed():
    subscription = make_metered_subscription("acme")
    send(call("a") | {"event": "new.event"})
    assert reprocess(at=NOW).resolved == 0
    meter = make_meter("new", event_name="new.event")
    assert reprocess(at=NOW).left == 1  # the meter exists now and has no price yet: that is reported instead
    assert open_reports() == [("not_sold", "new.event")]
    version = publish(make_plan(offers=[offer("new", rates=[rate("1")])]))
    assert Meter.objects.get(code="new") == meter
    subscribe(subscription.customer, version, external_id="more")
    assert reprocess(at=NOW).resolved == 1
    assert_clean(*SUBJECTS)


def test_usage_before_a_subscription_is_billed_by_it():
    make_metered_subscription("other")
    make_customer("acme")
    send(call("a"), request("r", 10, 5))
    assert {reason for reason, _ in open_reports()} == {"no_subscription"}
    version = publish(make_plan(offers=[offer(calls(), rates=[rate("0.01")])]))
    subscribe(Customer.objects.get(external_id="acme"), version)
    assert reprocess(at=NOW).resolved == 1
    assert open_reports() == [("not_sold", "llm.request")]
    assert_clean(*SUBJECTS)


def test_an_invalid_value_stays_unmatched():
    make_metered_subscription("acme")
    send(request("r", "many", 5))
    assert reprocess(at=NOW).resolved == 0
    assert open_reports() == [("bad_value", "llm.request")]
    assert_clean(*SUBJECTS)


def test_unpriced_usage_of_a_customer_created_later_is_reported_by_meter():
    make_metered_subscription("other")
    send(request("r", "many", 5, customer="acme"))
    make_metered_subscription("acme")
    assert reprocess(at=NOW).resolved == 1
    assert open_reports() == [("bad_value", "llm.request")]
    assert counted() == 0
    assert_clean(*SUBJECTS)


def test_unmatched_usage_of_a_closed_period_is_late_and_billed_next():
    make_metered_subscription("acme")
    send(call("a", customer="acme", timestamp="2026-01-10T00:00:00Z"))
    send(*[call(f"b{n}", customer="later", timestamp="2026-01-10T00:00:00Z") for n in range(3)])
    close_due(at=FEB + timedelta(hours=1))
    make_metered_subscription("later")
    close_due(at=FEB + timedelta(hours=1))
    assert reprocess(at=FEB + timedelta(hours=2)).resolved == 3
    close_due(at=MAR + timedelta(hours=1))
    late = Line.objects.get(kind="late_usage")
    assert (late.quantity, late.amount.amount) == (3, Decimal("0.03"))
    assert_clean(*SUBJECTS)


def test_only_named_reports_are_reprocessed():
    send(call("a"))
    make_metered_subscription("acme")
    ids = list(UnmatchedUsage.objects.values_list("id", flat=True))
    assert reprocess(at=NOW, report_ids=ids).resolved == 1
    assert reprocess(at=NOW, report_ids=ids).tried == 0


def test_the_command_prints_its_result(capsys):
    send(call("a"), call("b", customer="nobody"))
    make_metered_subscription("acme")
    call_command("reprocess_usage", customer="acme")
    assert "1 of 1 reports matched; 0 remain unmatched." in capsys.readouterr().out
    call_command("reprocess_usage", as_json=True)
    assert '"left": 1' in capsys.readouterr().out
