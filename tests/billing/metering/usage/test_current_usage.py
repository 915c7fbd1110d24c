"""A customer's usage and its cost so far: included units first, tiers as on the invoice, in one query."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.closing import close_period
from billing.metering.rating_inputs.aggregate_quantities import StateQuery
from billing.metering.usage import current_usage as current_usage_module
from billing.metering.usage.current_usage import UnknownCustomer, current_usage
from lib import prepared_statements
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
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
    use,
)

pytestmark = pytest.mark.django_db

HALFWAY = JAN + timedelta(days=31) / 2

CASES = [
    # used  remaining  cost     projected  why
    (0, "200", "0", "0", "nothing used, nothing due"),
    (80, "120", "0", "0", "160 by the end are still included"),
    (150, "50", "0", "5.00", "free so far, but 300 by the end are 100 too many"),
    (400, "0", "10.00", "30.00", "200 beyond the included ones now, 600 by the end"),
]


@pytest.fixture
def subscription():
    offers = [offer("prompts", included=200, rates=[rate("0.05")])]
    version = publish(make_plan(fees=[fee("19.99")], offers=offers))
    return subscribe(make_customer("acme"), version)


def only(customer="acme", *, at=HALFWAY, sandbox=False):
    [period] = current_usage(customer=customer, sandbox=sandbox, at=at)
    return period


@pytest.mark.parametrize(("used", "remaining", "cost", "projected", "why"), CASES)
def test_current_cost_equals_an_invoice_issued_now(subscription, used, remaining, cost, projected, why):
    use(subscription, "prompts", used)

    [feature] = only().features

    assert (feature.used, feature.remaining) == (used, Decimal(remaining)), why
    assert (feature.cost, feature.projected) == (Decimal(cost), Decimal(projected)), why


def test_the_cost_at_the_end_equals_the_invoice(subscription):
    use(subscription, "prompts", "1234.5")
    cost = only(at=FEB - timedelta(microseconds=1)).cost
    period = subscription.periods.get(kind="regular", starts_at=JAN)

    lines = close_period(period_id=period.pk, at=FEB).lines.filter(kind="usage")

    assert cost == sum(line.amount.amount for line in lines) == Decimal("51.73")


def test_the_projection_is_priced_by_the_tiers():
    offers = [offer("calls", rates=[rate(tiers=[tier(100, "1"), tier(None, "0.1")])])]
    subscription = subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    use(subscription, "calls", 100)

    assert only().cost == 100
    assert only().projected == 110


def test_a_level_is_projected_to_stay_constant():
    meter = make_meter("seats", aggregation="weighted_sum", value_property="n", recurring=True)
    offers = [offer(make_feature("seats", meter=meter), rates=[rate("31")])]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    for day, change in (("01-11", 4), ("01-16", -2)):
        event = {"customer": "acme", "event": "seats", "timestamp": f"2026-{day}T00:00:00Z"}
        send(event | {"id": day, "properties": {"n": change}})
    at = JAN + timedelta(days=20)

    assert (only(at=at).cost, only(at=at).projected) == (4 * 5 + 2 * 5, 4 * 5 + 2 * 16)
    assert only(at=FEB).projected == 2 * 31, "carried over"


def test_only_the_current_period_is_shown(subscription):
    use(subscription, "prompts", 7, at=JAN)

    assert only(at=FEB).features[0].used == 0


def test_a_customer_without_a_current_period_has_no_usage():
    make_customer("idle")

    assert current_usage(customer="idle", sandbox=False, at=HALFWAY) == []


def test_unknown_customers_and_sandbox_customers_are_unknown():
    make_customer("tester", sandbox=True)
    for customer in ("nobody", "tester"):
        with pytest.raises(UnknownCustomer):
            current_usage(customer=customer, sandbox=False, at=HALFWAY)


@pytest.mark.parametrize("features", [1, 6])
def test_current_usage_takes_one_query_for_any_number_of_features(features):
    offers = [offer(f"feature-{number}", rates=[rate("0.01")]) for number in range(features)]
    subscription = subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    for number in range(features):
        use(subscription, f"feature-{number}", 3)
    only()  # reads the plan's terms, once per process

    assert statements_of(only) == 1


@pytest.fixture
def level():
    """Create a customer with a level of 7 since January, carried over without end."""
    meter = make_meter("gauge", event_name="gauge", aggregation="latest", value_property="n", recurring=True)
    offers = [offer(make_feature("gauge", meter=meter), rates=[rate("1")])]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    event = {"id": "1", "customer": "acme", "event": "gauge", "timestamp": "2026-01-05T00:00:00Z"}
    send(event | {"properties": {"n": 7}})


@pytest.mark.usefixtures("level")
def test_aggregate_states_are_read_together_with_counters_from_the_second_time_on(monkeypatch):
    monkeypatch.setattr(current_usage_module, "_cached_queries", {})

    # Counters, aggregate states and carried levels are read in one round trip once the cached query names them.
    assert [round_trips_of(only), round_trips_of(only)] == [2, 1]
    assert only().features[0].used == 7


def test_aggregate_states_that_no_longer_exist_are_not_read_again(subscription, monkeypatch):
    monkeypatch.setattr(
        current_usage_module, "_cached_queries", {(False, "acme"): StateQuery((1,), (1,), (1,), (), ())}
    )
    only()

    assert statements_of(only) == 1


@pytest.mark.usefixtures("level")
def test_aggregate_states_of_the_last_period_are_not_used_for_this_one():
    assert only().features[0].used == 7

    assert only(at=FEB).features[0].used == 7, "carried over, from another period's tallies"
    assert only().features[0].used == 7


def round_trips_of(function):
    """Count the batches of statements that are sent."""
    with pytest.MonkeyPatch.context() as patch:
        sent = []
        pipeline = prepared_statements.pipeline
        patch.setattr(prepared_statements, "pipeline", lambda: sent.append(1) or pipeline())
        function()
    return len(sent)


def statements_of(function):
    """Count the statements that reach PostgreSQL, by any kind of cursor."""
    sent = []
    execute = __import__("psycopg").Cursor.execute

    def counting(self, query, *args, **kwargs):
        sent.append(query)
        return execute(self, query, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, CaptureQueriesContext(connection) as captured:
        patch.setattr("psycopg.Cursor.execute", counting)
        function()
    return max(len(sent), len(captured))


def test_usage_is_shown_in_the_customers_own_periods():
    subscription = subscribe(
        make_customer("kathmandu", time_zone="Asia/Kathmandu"),
        publish(make_plan(offers=[offer("calls", rates=[rate("1")])])),
        starts_at=datetime(2025, 12, 31, 18, 15, tzinfo=UTC),
    )
    use(subscription, "calls", 2)

    period = only("kathmandu")

    assert period.starts_at == datetime(2025, 12, 31, 18, 15, tzinfo=UTC)
    assert period.ends_at == datetime(2026, 1, 31, 18, 15, tzinfo=UTC)
