"""The refusal of a hard cap names the plans that help, the smallest sufficient allowance first."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.limits.check import check
from billing.limits.remedies import remedy_for
from billing.subscriptions import generate_customer_periods
from plans.publishing import publication
from tests.builders import (
    APR,
    JAN,
    MAR,
    fee,
    make_clock,
    make_customer,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

NOW = MAR + timedelta(days=9)


def capped(**fields):
    """Subscribe a customer with 50 units, of which 10 are used."""
    terms = offer("calls", included=50, consumption="hard_cap")
    version = publish(make_plan("now", fees=[fee("10")], offers=[terms]))
    subscription = subscribe(make_customer("acme", **fields), version)
    generate_customer_periods(customer_ids=[subscription.customer_id], until=NOW)
    use(subscription, "calls", 10, at=NOW)
    return subscription


def make(plan, *, included, consumption="hard_cap", prices="USD"):
    currencies = [] if prices == "none" else prices.split(", ")
    rates = {currency: [rate("0.05")] for currency in currencies}
    terms = offer("calls", included=included, consumption=consumption, prices=rates)
    return make_plan(plan, fees=[fee("20", currency=currency) for currency in currencies], offers=[terms])


def publish_as(state, plan, **terms):
    """Create a plan, and publish its version as documented."""
    draft = make(plan, **terms)
    if state == "in force":
        publish(draft)
    elif state == "for a cohort":
        publication.publish(version=draft, by=None, at=JAN, audience="cohort")
    elif state == "scheduled":
        publish(draft, effective_from=APR)
    elif state == "replaced":
        publish(draft)
        following = publication.new_version(source=draft, by=None, at=JAN)
        following.features.update(included=20)
        publish(following, at=MAR)


def named(quantity=60, sandbox=False):
    answer = check(customer="acme", feature="calls", quantity=Decimal(quantity), sandbox=sandbox, at=NOW)
    return remedy_for(answer, at=NOW, quantity=Decimal(quantity))["plans"]


@pytest.mark.parametrize("sandbox", [False, True])
def test_the_documented_plans_are_named_in_order(sandbox):
    capped(sandbox=sandbox, test_clock=make_clock(NOW) if sandbox else None)
    table = rows("limits.md", "upgrades")
    for row in reversed(table):
        terms = {"included": int(row["included"]), "consumption": row["consumption"], "prices": row["prices"]}
        publish_as(row["version"], row["plan"], **terms)
    expected = sorted((row for row in table if row["place"]), key=lambda row: int(row["place"]))
    assert [plan["code"] for plan in named(sandbox=sandbox)] == [row["plan"] for row in expected]


def test_each_plan_has_its_name_and_allowance():
    capped()
    publish(make("team", included=80))
    assert named() == [{"code": "team", "name": "Team", "included": "80", "consumption": "hard_cap"}]


def test_reserved_and_used_units_have_to_fit_too():
    capped()
    publish(make("medium", included=60))
    publish(make("team", included=80))
    assert [plan["code"] for plan in named(50)] == ["medium", "team"]
    assert [plan["code"] for plan in named(51)] == ["team", "medium"]


def test_at_most_five_plans_are_named():
    capped()
    for number in range(7):
        publish(make(f"plan-{number}", included=100 + number))
    assert [plan["code"] for plan in named()] == [f"plan-{number}" for number in range(5)]


def test_any_number_of_plans_takes_the_same_queries(django_assert_num_queries):
    capped()
    for number in range(3):
        publish(make(f"plan-{number}", included=100 + number))
    answer = check(customer="acme", feature="calls", quantity=Decimal(60), sandbox=False, at=NOW)
    with django_assert_num_queries(3):
        remedy_for(answer, at=NOW)
