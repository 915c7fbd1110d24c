"""An event adds to one counter per value and price, of the right period, feature and rate, and to a rollup."""

import pytest

from tests.billing.metering.ingest.ingest_setup import (
    call,
    counted,
    make_metered_subscription,
    request,
    rolled_up,
    send,
    unmatched,
)
from tests.builders import (
    JAN,
    MAR,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

REQUESTS = [
    # prompt, completion, other properties, counted quantities, why
    (5, 7, {}, {"gpt": 5, "gpt output": 7}, "each reading is rated by the most specific match"),
    (1, 2, {"model": "claude"}, {"all others": 3}, "unmatched values use the default rate"),
    ("0.5", 0, {"model": ""}, {"all others": "0.5"}, "text counts as a number, and zero is a value"),
    (-5, 7, {}, {"gpt": -5, "gpt output": 7}, "a negative value takes back"),
    (10**37, "1e0", {"completion_tokens": "0.00001"}, {"gpt": 10**37, "gpt output": "0.00001"}, "exactly"),
    (1, 1, {"status": "cached"}, {"gpt": 1, "gpt output": 1}, "a filter lists the accepted values"),
    (1, 1, {"status": "failed"}, {}, "filtered events are not counted"),
    (1, 1, {"status": None}, {}, "nor are events without the property"),
]


@pytest.mark.parametrize(("prompt", "completion", "properties", "expected", "why"), REQUESTS)
def test_each_value_goes_to_the_most_specific_rate(prompt, completion, properties, expected, why):
    make_metered_subscription()

    assert send(request("r1", prompt, completion, **properties)) == ["accepted"]

    quantities = {key.split("/")[1]: str(quantity) for key, (_, quantity) in counted().items()}
    assert quantities == {label: str(quantity) for label, quantity in expected.items()}, why
    assert unmatched() == []


def test_rollups_keep_the_dimensions_that_an_event_has():
    make_metered_subscription(time_zone="Asia/Kathmandu")

    send({**request("r1", 5, 7, meta={"region": "eu"}), "timestamp": "2026-03-05T10:00:00Z"})
    send({**request("r2", 1, 0, model=""), "timestamp": "2026-03-05T10:20:00Z"})

    assert rolled_up() == {
        'tokens 03-05 09:15 {"meta.region": "eu", "model": "gpt", "type": "input"}': (1, 5),
        'tokens 03-05 09:15 {"meta.region": "eu", "model": "gpt", "type": "output"}': (1, 7),
        'tokens 03-05 10:15 {"type": "input"}': (1, 1),
        'tokens 03-05 10:15 {"type": "output"}': (1, 0),
    }


EDGES = [
    # timestamp, month of the period, why
    ("2026-02-01T00:00:00Z", "02", "a period begins with its first instant"),
    ("2026-01-31T23:59:59.999999Z", "01", "and ends just before the next one's"),
    ("2026-03-01T00:00:00+00:01", "02", "offsets are instants"),
    ("2026-03-10T12:59:59Z", "03", "the sender's clock may be a little ahead"),
]


@pytest.mark.parametrize(("timestamp", "month", "why"), EDGES)
def test_an_event_belongs_to_the_period_that_contains_its_instant(timestamp, month, why):
    make_metered_subscription()

    send(call("c1", timestamp=timestamp))

    assert counted() == {f"calls/call/{month}": (1, 1)}, why


def test_periods_start_by_the_customers_clock():
    make_metered_subscription(time_zone="Europe/Berlin")

    send(call("c1", timestamp="2026-02-28T22:59:59Z"), call("c2", timestamp="2026-02-28T23:00:00Z"))

    assert [events for events, _ in counted().values()] == [1, 1]


def test_one_event_feeds_every_meter_that_counts_it():
    words = make_meter("words", event_name="api.call", aggregation="sum", value_property="words")
    calls = make_meter("calls", event_name="api.call")
    offers = [offer(make_feature(meter.code, meter=meter), rates=[rate("1", label="-")]) for meter in (calls, words)]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))

    send(call("c1", properties={"words": 12}), call("c2", properties={"words": 30}))

    assert counted() == {"calls/-/03": (2, 2), "words/-/03": (2, 42)}


def test_two_features_of_one_meter_count_twice_and_roll_up_once():
    meter = make_meter("calls", event_name="api.call")
    offers = [offer(make_feature(code, meter=meter), rates=[rate("1", label="-")]) for code in ("use", "extra")]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))

    send(call("c1", timestamp="2026-03-05T10:00:00Z"))

    assert counted() == {"use/-/03": (1, 1), "extra/-/03": (1, 1)}
    assert rolled_up() == {"calls 03-05 10:00 {}": (1, 1)}


def test_an_event_that_names_its_subscription_counts_only_there():
    meter = make_meter("calls", event_name="api.call")
    feature = make_feature("calls", meter=meter)
    version = publish(make_plan(offers=[offer(feature, rates=[rate("1", label="-")])]))
    customer = make_customer("acme")
    plain = subscribe(customer, version)
    named = subscribe(customer, version, external_id="team-a", named=True)

    send(call("c1", subscription="team-a"), call("c2"), call("c3"))

    assert counted(named) == {"calls/-/03": (1, 1)}
    assert counted(plain) == {"calls/-/03": (2, 2)}


def test_a_sandbox_event_counts_for_the_sandbox_customer_of_that_name():
    live = make_metered_subscription()
    sandbox = subscribe(make_customer("acme", sandbox=True), live.version)

    send(call("c1"))
    send(call("c1"), call("c2"), sandbox=True)

    assert counted(live) == {"calls/call/03": (1, 1)}
    assert counted(sandbox) == {"calls/call/03": (2, 2)}


def test_a_hard_cap_without_a_price_counts_under_the_free_rate():
    feature = make_feature("calls", meter=make_meter("calls", event_name="api.call"))
    version = publish(make_plan(offers=[offer(feature, included=1, consumption="hard_cap")]))
    subscribe(make_customer("acme"), version)

    assert send(call("c1"), call("c2")) == ["accepted", "accepted"]

    assert counted() == {"calls/free/03": (2, 2)}


def test_usage_at_the_start_of_a_period_creates_the_period():
    subscription = make_metered_subscription()
    assert subscription.periods.filter(kind="regular").count() == 1
    assert subscription.starts_at == JAN

    send(call("c1", timestamp="2026-03-01T00:00:00Z"))

    assert counted() == {"calls/call/03": (1, 1)}
    assert subscription.periods.filter(kind="regular", starts_at=MAR).exists()
