"""Spend is told against caps, amounts, the last period and the forecast: whole, by feature, by API key."""

from datetime import timedelta

import pytest

from billing.closing import close_due
from billing.limits.spend_caps import remove_cap
from tests.billing.limits.alerts.test_a_rule_holds_for_its_scope import guard
from tests.billing.limits.alerts.world import MINUTE, NOW, alerts, calls, look, told, use
from tests.billing.metering.corrections.world import void
from tests.builders import FEB, JAN, cap, make_feature, make_plan, offer, publish, rate, subscribe

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


@pytest.fixture
def acme():
    return calls("1")


def test_a_cap_is_told_of_by_default_and_recovers_once_it_is_raised(acme):
    cap(acme, 100, at=NOW)
    use("call", 95)
    look()
    [one] = told()
    assert (one["kind"], one["threshold"], one["value"], one["limit"], one["unit"]) == ("cap", 90, "95", "100", "USD")
    assert one["remedy"] == "raise_cap"
    cap(acme, 1000, at=NOW)
    look(NOW + 2 * MINUTE)
    assert alerts() == [("cap", level, "recovered") for level in (50, 75, 90)]
    [back] = told("alert.recovered")
    assert (back["threshold"], back["limit"]) == (90, "1000")


def test_a_cap_that_is_gone_recovers_without_a_word(acme):
    own = cap(acme, 100, at=NOW)
    use("call", 60)
    look()
    remove_cap(cap=own, at=NOW)
    look(NOW + 2 * MINUTE)
    assert (alerts(), told("alert.recovered")) == ([("cap", 50, "recovered")], [])


def test_two_caps_of_the_same_are_told_apart(acme):
    cap(acme, 100, at=NOW)
    cap(acme, 50, at=NOW, set_by="customer")
    use("call", 50)
    look()
    assert sorted(alerts()) == [("cap", level, "open") for level in (50, 50, 75, 90, 100)]


def test_an_amount_is_of_a_feature_where_it_names_one(acme):
    guard("spend", amount=10, levels=[100], subscription=acme, feature=make_feature("other"))
    guard("spend", amount=20, levels=[100], subscription=acme, feature=make_feature("calls"))
    use("call", 20)
    look()
    assert [(one["feature"], one["limit"]) for one in told()] == [("calls", "20")]


def test_an_api_key_has_a_budget(acme):
    guard("spend", amount=10, subscription=acme, dimension="api_key", value="ci", set_by="customer")
    use("call", 90, api_key="prod")
    ids = use("call", 9, api_key="ci")
    look()
    [one] = told()
    assert (one["dimension"], one["dimension_value"], one["value"]) == ("api_key", "ci", "9")
    assert (one["threshold"], one["set_by"]) == (90, "customer")
    void(*ids[:5], at=NOW + MINUTE)
    look(NOW + 2 * MINUTE)
    assert [(one["threshold"], one["value"]) for one in told("alert.recovered")] == [(90, "4")]


def test_all_subscriptions_of_a_customer_are_added_up(acme):
    other = make_plan(offers=[offer("mails", rates=[rate("1")])])
    subscribe(acme.customer, publish(other))
    guard("spend", amount=100, customer=acme.customer)
    use("call", 30)
    use("mails", 30)
    look()
    [one] = told()
    assert (one["value"], one["subscription"], one["threshold"]) == ("60", None, 50)


def test_an_amount_says_nothing_of_another_currency(acme):
    guard("spend", amount=10, customer=acme.customer)
    type(acme.customer).objects.filter(pk=acme.customer_id).update(currency="EUR")
    acme.customer.refresh_from_db()
    guard("projected", amount=1, customer=acme.customer)
    use("call", 6)
    look()
    assert [one["kind"] for one in told()] == ["spend"]


def test_the_last_period_is_what_it_was_billed_at(acme):
    guard("last_period", levels=[100, 150], customer=acme.customer)
    use("call", 40, at=JAN + timedelta(days=3))
    look()
    assert alerts() == []
    use("call", 39, at=FEB + timedelta(hours=5))
    close_due(at=FEB + timedelta(hours=6))
    look(FEB + timedelta(hours=7))
    assert "last_period" not in {kind for kind, *_ in alerts()}
    use("call", 1, at=FEB + timedelta(hours=7))
    look(FEB + timedelta(hours=8))
    [one] = [one for one in told() if one["kind"] == "last_period"]
    assert (one["threshold"], one["value"], one["limit"]) == (100, "40", "40")


def test_a_forecast_is_told_once_it_says_something(acme):
    guard("projected", amount=310, subscription=acme)
    use("call", 100, at=JAN + timedelta(hours=1))
    look(JAN + timedelta(days=3))
    assert alerts() == []
    look(JAN + timedelta(days=10))
    [one] = told()
    assert (one["kind"], one["value"], one["limit"]) == ("projected", "310", "310")
