"""Usage that no price took is billed as soon as its customer, meter, subscription or rate is there, and once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from billing.audit import assert_clean
from billing.closing import close_due
from billing.metering.ingest.reprocess import reprocess
from billing.models import Counter, Event, UnmatchedUsage
from customers.models import Customer
from invoices.models import Line
from plans.models import Meter
from tests.billing.metering.ingest.request_parser import NOW
from tests.billing.metering.ingest.world import call, calls, make_world, request, send
from tests.builders import FEB, MAR, make_customer, make_meter, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db


def open_reports() -> list[tuple[str, str]]:
    rows = UnmatchedUsage.objects.filter(resolved_at__isnull=True).order_by("id")
    return [(row.reason, row.event_name) for row in rows]


def counted() -> Decimal:
    return sum((counter.quantity for counter in Counter.objects.all()), Decimal(0))


def test_an_unknown_customer_appears():
    make_world("other")
    send(call("a", customer="acme"), call("b", customer="nobody"))
    make_world("acme")

    done = reprocess(at=NOW)

    assert (done.tried, done.resolved, done.left) == (2, 1, 1)
    assert counted() == 1
    assert Event.objects.get(sender_id="a").customer_id is not None
    assert open_reports() == [("unknown_customer", "api.call")]
    assert_clean()


def test_it_is_billed_once_however_often_it_is_replayed():
    send(call("a"), call("b"))
    make_world("acme")
    assert [reprocess(at=NOW).resolved for _ in range(3)] == [2, 0, 0]
    assert counted() == 2
    assert send(call("a")) == ["duplicate"]
    assert_clean()


def test_an_unknown_event_gets_its_meter():
    subscription = make_world("acme")
    send(call("a") | {"event": "new.event"})
    assert reprocess(at=NOW).resolved == 0
    meter = make_meter("new", event_name="new.event")
    assert reprocess(at=NOW).left == 1  # there is a meter now, and still no price: that is reported instead
    assert open_reports() == [("no_subscription", "new.event")]
    version = publish(make_plan(offers=[offer("new", rates=[rate("1")])]))
    assert Meter.objects.get(code="new") == meter
    subscribe(subscription.customer, version, external_id="more")
    assert reprocess(at=NOW).resolved == 1
    assert_clean()


def test_a_customer_without_a_subscription_gets_one():
    make_world("other")
    make_customer("acme")
    send(call("a"), request("r", 10, 5))
    assert {reason for reason, _ in open_reports()} == {"no_subscription"}
    version = publish(make_plan(offers=[offer(calls(), rates=[rate("0.01")])]))
    subscribe(Customer.objects.get(external_id="acme"), version)
    assert reprocess(at=NOW).resolved == 1
    assert open_reports() == [("no_subscription", "llm.request")]
    assert_clean()


def test_a_bad_value_stays_bad():
    make_world("acme")
    send(request("r", "many", 5))
    assert reprocess(at=NOW).resolved == 0
    assert open_reports() == [("bad_value", "llm.request")]
    assert_clean()


def test_what_has_no_price_of_a_customer_that_appears_is_reported_meter_by_meter():
    make_world("other")
    send(request("r", "many", 5, customer="acme"))
    make_world("acme")
    assert reprocess(at=NOW).resolved == 1
    assert open_reports() == [("bad_value", "llm.request")]
    assert counted() == 0
    assert_clean()


def test_in_a_closed_period_it_is_late_and_billed_on_the_next_invoice():
    make_world("acme")
    send(call("a", customer="acme", timestamp="2026-01-10T00:00:00Z"))
    send(*[call(f"b{n}", customer="later", timestamp="2026-01-10T00:00:00Z") for n in range(3)])
    close_due(at=FEB + timedelta(hours=1))
    make_world("later")
    close_due(at=FEB + timedelta(hours=1))
    assert reprocess(at=FEB + timedelta(hours=2)).resolved == 3
    close_due(at=MAR + timedelta(hours=1))
    late = Line.objects.get(kind="late_usage")
    assert (late.quantity, late.amount.amount) == (3, Decimal("0.03"))
    assert_clean()


def test_named_reports_are_replayed_and_no_others():
    send(call("a"))
    make_world("acme")
    ids = list(UnmatchedUsage.objects.values_list("id", flat=True))
    assert reprocess(at=NOW, report_ids=ids).resolved == 1
    assert reprocess(at=NOW, report_ids=ids).tried == 0


def test_the_command_says_what_came_of_it(capsys):
    send(call("a"), call("b", customer="nobody"))
    make_world("acme")
    call_command("reprocess_usage", customer="acme")
    assert "1 of 1 reports are billed now; 0 are left." in capsys.readouterr().out
    call_command("reprocess_usage", as_json=True)
    assert '"left": 1' in capsys.readouterr().out
