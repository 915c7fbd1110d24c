"""
Spend alerts compare usage with caps, amounts, the last period and the forecast: in total, by feature, by API key.
"""

from datetime import timedelta

import pytest

from billing.closing import close_due
from billing.limits.spend_caps import remove_cap
from tests.billing.limits.alerts.alert_setup import MINUTE, NOW, alerts, announced_facts, calls, evaluate, use
from tests.billing.limits.alerts.test_a_rule_applies_to_its_scope import set_rule
from tests.billing.metering.corrections.correction_setup import void
from tests.builders import FEB, JAN, cap, make_feature, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test

clean_books = clean_after_test("limits", "access")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


@pytest.fixture
def acme():
    return calls("1")


def test_a_cap_fires_by_default_and_recovers_once_it_is_raised(acme):
    cap(acme, 100, at=NOW)
    use("call", 95)
    evaluate()
    [facts] = announced_facts()
    assert (facts["kind"], facts["threshold"], facts["value"], facts["limit"], facts["unit"]) == (
        "cap",
        90,
        "95",
        "100",
        "USD",
    )
    assert facts["remedy"] == "raise_cap"
    cap(acme, 1000, at=NOW)
    evaluate(NOW + 2 * MINUTE)
    assert alerts() == [("cap", level, "recovered") for level in (50, 75, 90)]
    [recovery] = announced_facts("alert.recovered")
    assert (recovery["threshold"], recovery["limit"]) == (90, "1000")


def test_an_alert_of_a_removed_cap_recovers_without_notification(acme):
    spend_cap = cap(acme, 100, at=NOW)
    use("call", 60)
    evaluate()
    remove_cap(cap=spend_cap, at=NOW)
    evaluate(NOW + 2 * MINUTE)
    assert (alerts(), announced_facts("alert.recovered")) == ([("cap", 50, "recovered")], [])


def test_two_caps_of_one_subscription_have_separate_alerts(acme):
    cap(acme, 100, at=NOW)
    cap(acme, 50, at=NOW, set_by="customer")
    use("call", 50)
    evaluate()
    assert sorted(alerts()) == [("cap", level, "open") for level in (50, 50, 75, 90, 100)]


def test_an_amount_of_a_feature_counts_only_that_feature(acme):
    set_rule("spend", amount=10, levels=[100], subscription=acme, feature=make_feature("other"))
    set_rule("spend", amount=20, levels=[100], subscription=acme, feature=make_feature("calls"))
    use("call", 20)
    evaluate()
    assert [(facts["feature"], facts["limit"]) for facts in announced_facts()] == [("calls", "20")]


def test_an_api_key_has_a_budget(acme):
    set_rule("spend", amount=10, subscription=acme, dimension="api_key", value="ci", set_by="customer")
    use("call", 90, api_key="prod")
    ids = use("call", 9, api_key="ci")
    evaluate()
    [facts] = announced_facts()
    assert (facts["dimension"], facts["dimension_value"], facts["value"]) == ("api_key", "ci", "9")
    assert (facts["threshold"], facts["set_by"]) == (90, "customer")
    void(*ids[:5], at=NOW + MINUTE)
    evaluate(NOW + 2 * MINUTE)
    assert [(facts["threshold"], facts["value"]) for facts in announced_facts("alert.recovered")] == [(90, "4")]


def test_an_amount_of_a_customer_sums_all_subscriptions(acme):
    other = make_plan(offers=[offer("mails", rates=[rate("1")])])
    subscribe(acme.customer, publish(other))
    set_rule("spend", amount=100, customer=acme.customer)
    use("call", 30)
    use("mails", 30)
    evaluate()
    [facts] = announced_facts()
    assert (facts["value"], facts["subscription"], facts["threshold"]) == ("60", None, 50)


def test_an_amount_does_not_apply_to_another_currency(acme):
    set_rule("spend", amount=10, customer=acme.customer)
    type(acme.customer).objects.filter(pk=acme.customer_id).update(currency="EUR")
    acme.customer.refresh_from_db()
    set_rule("projected", amount=1, customer=acme.customer)
    use("call", 6)
    evaluate()
    assert [facts["kind"] for facts in announced_facts()] == ["spend"]


def test_the_last_period_counts_its_invoiced_amount(acme):
    set_rule("last_period", levels=[100, 150], customer=acme.customer)
    use("call", 40, at=JAN + timedelta(days=3))
    evaluate()
    assert alerts() == []
    use("call", 39, at=FEB + timedelta(hours=5))
    close_due(at=FEB + timedelta(hours=6))
    evaluate(FEB + timedelta(hours=7))
    assert "last_period" not in {kind for kind, *_ in alerts()}
    use("call", 1, at=FEB + timedelta(hours=7))
    evaluate(FEB + timedelta(hours=8))
    [facts] = [facts for facts in announced_facts() if facts["kind"] == "last_period"]
    assert (facts["threshold"], facts["value"], facts["limit"]) == (100, "40", "40")


def test_a_forecast_fires_once_it_is_reliable(acme):
    set_rule("projected", amount=310, subscription=acme)
    use("call", 100, at=JAN + timedelta(hours=1))
    evaluate(JAN + timedelta(days=3))
    assert alerts() == []
    evaluate(JAN + timedelta(days=10))
    [facts] = announced_facts()
    assert (facts["kind"], facts["value"], facts["limit"]) == ("projected", "310", "310")
