"""Each day of a chart uses the meter's aggregation: a peak is that day's peak, never a sum of peaks."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine

from billing.metering.usage.usage_summary import combine_days, read_usage_by_day
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import JAN, make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db

D = Decimal
NOW = JAN.replace(day=20, hour=12)

METERS = [
    # aggregation     days of the chart      of the period   why
    ("sum",           [D(17), D(3)],         D(20),          "what adds up is added up"),
    ("count",         [D(3), D(1)],          D(4),           "events as well"),
    ("max",           [D(9), D(3)],          D(9),           "the day's greatest, and the greatest of all days"),
    ("min",           [D(1), D(3)],          D(1),           "the least"),
    ("average",       [D("5.666666666667"), D(3)], D(5),     "of all values, not of the days"),
    ("latest",        [D(1), D(3)],          D(3),           "the last one"),
]  # fmt: skip


def metered(aggregation, **fields):
    fields = {"value_property": "" if aggregation == "count" else "n", "event_name": "used", **fields}
    meter = make_meter("gauge", aggregation=aggregation, unit="unit", dimensions=["zone"], **fields)
    customer = make_customer("acme", time_zone="Asia/Kathmandu")
    feature = make_feature("gauge", meter=meter)
    subscribe(customer, publish(make_plan(offers=[offer(feature, rates=[rate("1")])])))
    sent = [("a", 10, 4, 7), ("b", 10, 5, 9), ("c", 10, 18, 1), ("d", 11, 3, 3)]
    send(
        *(
            {"id": id_, "customer": "acme", "event": "used", "properties": {"n": n},
             "timestamp": JAN.replace(day=day, hour=hour).isoformat()}
            for id_, day, hour, n in sent
        )
    )  # fmt: skip
    return customer


@pytest.mark.parametrize(("aggregation", "of_days", "of_period", "why"), METERS)
def test_a_day_is_aggregated_as_the_meter_says(aggregation, of_days, of_period, why):
    customer = metered(aggregation)
    span = {"since": JAN, "until": JAN + timedelta(days=31), "zone": ZoneInfo("Asia/Kathmandu")}
    days = read_usage_by_day(customer_id=customer.pk, **span)
    assert [(day.day.day, combine_days(aggregation, [day])) for day in days] == [
        (10, of_days[0]),
        (11, of_days[1]),
    ], why
    assert combine_days(aggregation, days) == of_period, why


def page(member, customer):
    with time_machine.travel(NOW, tick=False):
        return member("support").get(f"/admin/customers/customer/{customer.pk}/change/?tab=usage")


def test_the_customers_page_charts_peaks_as_peaks(member):
    answer = page(member, metered("max"))
    (chart,) = answer.context["charts"]
    assert (chart.name, chart.now, chart.before) == ("gauge, maximum", "9 units", "0")
    assert answer.context["shares"] == []


def test_a_meter_without_daily_values_is_named_instead(member):
    answer = page(member, metered("unique"))
    assert answer.context["charts"] == []
    assert "No daily chart: gauge." in answer.content.decode()


def test_a_period_that_starts_at_midday_is_not_compared_with_itself(member):
    make_meter("calls", event_name="used")
    version = publish(make_plan(offers=[offer("calls", rates=[rate("1")])]))
    customer = make_customer("acme")
    subscribe(customer, version, starts_at=JAN.replace(day=19, hour=18))
    send({"id": "a", "customer": "acme", "event": "used", "timestamp": NOW.replace(day=19, hour=20).isoformat()})
    (chart,) = page(member, customer).context["charts"]
    assert (chart.now, chart.before) == ("1 call", "0")


def test_the_days_so_far_are_compared_with_as_many_days_before(member):
    make_meter("calls", event_name="used")
    customer = make_customer("acme")
    subscribe(
        customer, publish(make_plan(offers=[offer("calls", rates=[rate("1")])])), starts_at=JAN - timedelta(days=31)
    )
    for moment in (NOW, NOW - timedelta(days=31), NOW - timedelta(days=30)):
        send({"id": str(moment), "customer": "acme", "event": "used", "timestamp": moment.isoformat()})
    (chart,) = page(member, customer).context["charts"]
    assert (chart.now, chart.before) == ("1 call", "1")
