"""A year's allowance and tiers on monthly invoices: from events to the lines of each month, with late usage."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, close_period, preview
from billing.limits.check import check
from billing.metering.usage.current_usage import current_usage
from billing.models import Period
from billing.subscriptions import cancel, change_plan, generate_periods
from invoices.models import Invoice, Line
from plans.models import Price
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    add_override,
    fee,
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
from tests.clean_books import clean_after_test
from tests.pricing.worked_numbers import rows

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

D = Decimal
HOUR = timedelta(hours=1)
MONTHS = [datetime(2026, month, 1, tzinfo=JAN.tzinfo) for month in range(1, 13)] + [JAN.replace(year=2027)]
LADDER = [tier(2000, "0.10"), tier(None, "0.05")]


def yearly(*, rates=None, included=1000, price=None, starts_at=JAN, name="acme", **plan):
    """Subscribe a customer to a plan whose one price resets every year, and is invoiced every month."""
    feature = make_feature("calls", meter=make_meter("calls", aggregation="sum", value_property="n"))
    rates = rates or [rate(tiers=LADDER)]
    version = make_plan(offers=[offer(feature, included=included, rates=rates)], **plan)
    of_version = Price.objects.filter(plan_feature__version=version)
    of_version.update(resets_unit="year", resets_every=1, **(price or {}))
    return subscribe(make_customer(name), publish(version), starts_at=starts_at)


_sent = iter(range(10**6))


def used(month, n, *, days=1, **properties):
    at = (month + timedelta(days=days)).isoformat()
    event = {"id": f"e{next(_sent)}", "customer": "acme", "event": "calls", "timestamp": at}
    assert send(event | {"properties": {"n": n, **properties}}) == ["accepted"]


def close(month):
    """Close the month that starts then, and return the total of its invoice."""
    known = set(Invoice.objects.values_list("pk", flat=True))
    close_due(at=MONTHS[MONTHS.index(month) + 1] + HOUR)
    return sum((invoice.total.amount for invoice in Invoice.objects.exclude(pk__in=known)), D(0))


def total():
    return sum(Line.objects.values_list("amount", flat=True), D(0))


def test_each_month_bills_its_new_usage_as_documented():
    yearly()
    documented = rows("usage-windows")[:4]
    for month, row in zip(MONTHS, documented, strict=False):
        if D(row["used"]):
            used(month, row["used"])
        assert close(month) == D(row["line"]), row["month"]
    march = Line.objects.get(service_start=MAR)
    assert (march.quantity, march.explanation["cumulative"], march.explanation["billed_before"]) == (
        2500,
        "250.00",
        "50.00",
    )
    assert march.explanation["formula"] == "250.00 − 50.00"


def test_the_order_of_closing_does_not_matter():
    yearly(included=0)
    for month, quantity in ((JAN, 1500), (FEB, 1500), (MAR, 1500)):
        used(month, quantity)
    generate_periods(until=APR)
    for month in (MAR, JAN, FEB):
        close_period(period_id=Period.objects.get(starts_at=month).pk, at=APR + HOUR)
    assert total() == D("325.00")
    assert [line.amount.amount for line in Line.objects.order_by("service_start")] == [D(150), D(100), D(75)]


def test_late_usage_changes_the_later_months_once():
    yearly(included=0)
    for month, quantity in ((JAN, 1500), (FEB, 1500)):
        used(month, quantity)
        close(month)
    used(JAN, 500, days=2)
    assert Period.objects.filter(late_since__isnull=False).count() == 2
    used(MAR, 100)
    close(MAR)
    assert total() == D("200.00") + 1600 * D("0.05")
    late = Line.objects.filter(kind="late_usage").order_by("service_start")
    assert [line.amount.amount for line in late] == [D("50.00"), D("-25.00")]
    assert close(APR) == 0


def test_usage_of_an_open_month_changes_a_later_month_already_closed():
    yearly(included=0)
    used(JAN, 1500)
    used(FEB, 1500)
    generate_periods(until=APR)
    close_period(period_id=Period.objects.get(starts_at=FEB).pk, at=MAR + HOUR)
    used(JAN, 1000, days=3)
    assert Period.objects.get(late_since__isnull=False).starts_at == FEB
    close(FEB)
    assert total() == D("200.00") + 2000 * D("0.05")


def test_the_minimum_is_due_with_the_last_month_of_the_window():
    yearly(included=0, price={"minimum": D(1200)})
    used(JAN, 1000)
    assert [close(month) for month in MONTHS[:12]] == [D(100)] + [D(0)] * 10 + [D(1100)]


def test_at_an_early_end_the_minimum_is_prorated():
    subscription = yearly(included=0, price={"minimum": D(3650)}, starts_at=FEB, proration="day")
    used(FEB, 1000)
    assert close(FEB) == D(100)
    cancel(subscription=subscription, at=MAR + HOUR, ends_at=MAR + timedelta(days=10))
    close_due(at=APR)
    assert total() == 380


def test_a_maximum_applies_across_months():
    yearly(included=0, price={"maximum": D(150)})
    for month in (JAN, FEB, MAR):
        used(month, 1000)
    assert [close(month) for month in (JAN, FEB, MAR)] == [D(100), D(50), D(0)]


def test_a_new_year_resets_the_window():
    yearly(starts_at=JAN - timedelta(days=61))
    used(JAN - timedelta(days=31), 900)
    used(JAN, 900)
    close_due(at=FEB + HOUR)
    used(FEB, 200)
    assert (total(), close(FEB)) == (0, D("10.00"))


def test_a_new_version_resets_the_window():
    subscription = yearly()
    used(JAN, 900)
    assert close(JAN) == 0
    used(FEB, 200, days=2)
    change_plan(subscription=subscription, version=yearly(name="other").version, at=FEB + timedelta(days=9))
    used(FEB, 300, days=20)
    assert close(FEB) == D("10.00")
    used(MAR, 900)
    assert close(MAR) == D("20.00")


def test_a_rate_that_uses_the_allowance_later_changes_the_others():
    meter = {"aggregation": "sum", "value_property": "n", "dimensions": ["model"]}
    make_meter("calls", **meter)
    rates = [rate("1", match={"model": "a"}, label="a"), rate("0.10", label="b")]
    yearly(rates=rates, included=100)
    used(JAN, 150, model="b")
    assert close(JAN) == D("5.00")
    used(FEB, 60, model="a")
    assert close(FEB) == D("6.00")
    lines = Line.objects.filter(service_start=FEB).order_by("position")
    assert [(line.description, line.quantity, line.amount.amount) for line in lines] == [
        ("a", 60, 0),
        ("b", 0, D("6.00")),
    ]


def test_a_reduction_waits_for_an_invoice_that_exceeds_it():
    volume = rate(tiers=[tier(1000, "0.10"), tier(None, "0.01")], model="volume")
    yearly(included=0, rates=[volume])
    used(JAN, 1000)
    assert close(JAN) == D(100)
    used(FEB, 1000)
    assert close(FEB) == 0
    assert Period.objects.get(late_since__isnull=False).starts_at == FEB
    used(MAR, 20000)
    assert close(MAR) == D(120)
    assert total() == D("220.00")


def test_usage_and_checks_cover_the_whole_window():
    subscription = yearly(fees=[fee("5", billed="arrears")])
    used(JAN, 800)
    close(JAN)
    used(FEB, 700)
    at = FEB + timedelta(days=14)
    assert preview(at=at, subscription=subscription).totals.net == D("55.00")
    (running,) = current_usage(customer="acme", sandbox=False, at=at)
    (calls,) = running.features
    assert (calls.used, calls.remaining, calls.cost, calls.projected) == (1500, 0, D("50.00"), D("120.00"))
    arguments = {"customer": "acme", "feature": "calls", "quantity": D(1), "sandbox": False, "at": at}
    answer = check(**arguments)
    assert (answer.used, answer.resets_at) == (1500, MONTHS[12])


def test_an_override_within_the_window_applies_to_later_months():
    subscription = yearly(included=0, rates=[rate("0.10")])
    used(JAN, 100)
    add_override(subscription, "calls", "price", "0.05", at=JAN)
    close(JAN)
    used(FEB, 100)
    assert close(FEB) == D("5.00")
    used(JAN, 10, days=3)
    close(MAR)
    assert total() == D("16.00")
