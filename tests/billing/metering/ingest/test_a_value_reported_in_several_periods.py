"""A value that one batch reports in several periods counts as if it were reported in one after the other."""

import pytest

from billing.models import AggregateState
from billing.subscriptions import generate_periods
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import MAR, make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db


def test_a_seat_reported_in_two_periods_of_one_batch_is_one_seat():
    seats = make_meter(
        "seats",
        event_name="seat",
        aggregation="unique",
        value_property="user",
        operation_property="op",
        recurring=True,
    )
    subscribe(
        make_customer("acme"),
        publish(make_plan(offers=[offer(make_feature("seats", meter=seats), rates=[rate("4")])])),
    )
    generate_periods(until=MAR)

    def seat(id_, at, op="add"):
        return {
            "id": id_,
            "customer": "acme",
            "event": "seat",
            "timestamp": at,
            "properties": {"user": "ann", "op": op},
        }

    send(
        seat("a", "2026-01-10T00:00:00Z"),
        seat("b", "2026-02-10T00:00:00Z"),
        seat("c", "2026-03-02T00:00:00Z", "remove"),
    )
    assert list(AggregateState.objects.order_by("starts_at").values_list("members", flat=True)) == [1, 0, -1]
    assert_clean("subscriptions", "usage", "invoices")
