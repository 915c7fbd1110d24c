"""The value of unmatched usage is reported in units, and in money at the dearest rate where a price is known."""

from decimal import Decimal

import pytest

from billing.metering.usage.unmatched_value import estimate_unmatched_value, filter_reports
from billing.models import UnmatchedUsage
from tests.billing.metering.ingest.ingest_setup import call, send
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe, tier

pytestmark = pytest.mark.django_db

D = Decimal


def metered(*, rates, included=0, **meter):
    meter = {"event_name": "api.call", "aggregation": "sum", "unit": "token", "dimensions": ["model"], **meter}
    feature = make_feature("tokens", meter=make_meter("tokens", **meter))
    offers = [offer(feature, included=included, rates=rates)]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))


def estimate(*, sandbox=False, **filters):
    return estimate_unmatched_value(
        filter_reports(UnmatchedUsage.objects.outstanding(), sandbox=sandbox, **filters), sandbox=sandbox
    )


def stakes(**filters):
    return [
        (group.reason, group.customer_ref, group.meter, stake.events, stake.quantity, stake.amount, stake.currency)
        for stake in estimate(**filters).stakes
        for group in [stake.group]
    ]


def test_usage_that_no_rate_matches_is_valued_at_the_dearest_rate():
    cheap, dear = rate("0.01", match={"model": "gpt"}), rate("0.03", match={"model": "claude"})
    metered(rates=[cheap, dear], included=1000, value_property="n")
    send(*(call(f"c{n}", properties={"model": "llama", "n": n}) for n in (100, 50)))
    assert stakes() == [("no_rate", "acme", "tokens", 2, D(150), D("4.50"), "USD")]
    assert estimate().amounts == {"USD": D("4.50")}


def test_tiers_apply_to_the_sum_of_a_group():
    ladder = rate(tiers=[tier(100, "1"), tier(None, "0.10")], match={"model": "gpt"})
    metered(rates=[ladder], value_property="n")
    send(*(call(f"c{n}", properties={"model": "llama", "n": 60}) for n in range(2)))
    assert stakes() == [("no_rate", "acme", "tokens", 2, D(120), D("102.00"), "USD")]


def test_computed_values_are_reported_as_well():
    metered(rates=[rate("1", match={"model": "gpt"})], expression="a + b / 2")
    send(call("c1", properties={"model": "llama", "a": 1, "b": 3}))
    assert stakes() == [("no_rate", "acme", "tokens", 1, D("2.5"), D("2.50"), "USD")]


OTHERS = [
    # sent                                   reason              units    why
    ({"customer": "nobody", "n": 7},         "unknown_customer", D(7),    "nobody says at whose prices"),
    ({"customer": "idle", "n": 7},           "no_subscription",  D(7),    "nor here"),
    ({"n": "many"},                          "bad_value",        None,    "the event lacks it"),
    ({"event": "other"},                     "unknown_event",    None,    "no meter reads it"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "reason", "quantity", "why"), OTHERS)
def test_an_unknown_value_is_not_estimated(sent, reason, quantity, why):
    metered(rates=[rate("1")], value_property="n")
    make_customer("idle")
    n, sent = sent.get("n"), {name: value for name, value in sent.items() if name != "n"}
    send({**call("c1", properties={} if n is None else {"n": n}), **sent})
    ((reported_reason, *_, events, units, amount, currency),) = stakes()
    assert (reported_reason, events, units, amount, currency) == (reason, 1, quantity, None, ""), why


def test_a_missing_value_is_estimated_by_the_average():
    metered(rates=[rate("0.02")], value_property="n")
    send(call("c1", properties={"n": 100}), call("c2", properties={"n": 50}))
    send(call("c3", properties={}), call("c4", properties={}))
    assert stakes() == [("bad_value", "acme", "tokens", 2, None, D("3.00"), "USD")]
    assert estimate().stakes[0].is_average


def test_greatest_values_are_not_summed():
    metered(rates=[rate("1", match={"model": "gpt"})], aggregation="max", value_property="n")
    send(call("c1", properties={"model": "llama", "n": 1}))
    assert stakes() == [("no_rate", "acme", "tokens", 1, None, None, "")]


def test_sandbox_usage_and_other_customers_are_not_counted():
    metered(rates=[rate("1")], value_property="n")
    send(call("c1", customer="a"), call("c2", customer="b"))
    send(call("c1", customer="a"), sandbox=True)
    assert [stake[1] for stake in stakes(customer="a")] == ["a"]
    assert [stake[1:4] for stake in stakes(sandbox=True)] == [("a", "tokens", 1)]
    assert stakes(customer="c") == []


def test_any_number_of_reports_takes_the_same_queries(django_assert_num_queries):
    metered(rates=[rate("1", match={"model": "gpt"})], value_property="n")
    send(*(call(f"c{n}", properties={"model": "llama", "n": n}) for n in range(30)))
    stakes()
    with django_assert_num_queries(6):  # reports, and five for the catalog
        assert stakes()[0][3] == 30
