"""The most specific rule of finance applies; a customer's own rule applies as well, within finance's limits."""

from decimal import Decimal as D

import pytest

from billing.limits.alerts.rule_settings import (
    MAX_RULES_PER_CUSTOMER,
    AlertRuleRefused,
    AlertScope,
    remove_alert_rule,
    set_alert_rule,
)
from billing.models import AlertRule
from tests.billing.limits.alerts.alert_setup import (
    MINUTE,
    NOW,
    alerts,
    announced_facts,
    calls,
    evaluate,
    messages,
    use,
)
from tests.builders import make_feature, make_seller
from tests.clean_books import clean_after_test

clean_books = clean_after_test("limits", "access")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def set_rule(kind, *, levels=(), amount=None, is_on=True, set_by="finance", at=NOW, **scope):
    return set_alert_rule(
        kind=kind,
        scope=AlertScope(**scope),
        levels=levels,
        amount=None if amount is None else D(amount),
        is_on=is_on,
        set_by=set_by,
        at=at,
    )


SCOPES = [
    # scope of the disabled rule           whether it applies to acme's messages
    (lambda subscription: {},                                                True),
    (lambda subscription: {"seller": subscription.customer.seller},                   True),
    (lambda subscription: {"seller": make_seller("other")},                  False),
    (lambda subscription: {"customer": subscription.customer},                        True),
    (lambda subscription: {"subscription": subscription},                             True),
    (lambda subscription: {"feature": make_feature("messages")},             True),
    (lambda subscription: {"customer": subscription.customer, "feature": make_feature("messages")}, True),
    (lambda subscription: {"feature": make_feature("other")},                False),
]  # fmt: skip


@pytest.mark.parametrize(("scope", "is_off"), SCOPES)
def test_a_disabled_rule_overrides_more_general_ones(scope, is_off):
    set_rule("allowance", is_on=False, **scope(messages(10)))
    use("message", 10)
    evaluate()
    assert bool(alerts()) != is_off


def test_a_customers_rule_overrides_a_features_rule():
    acme = messages(10)
    set_rule("allowance", levels=[20], feature=make_feature("messages"))
    set_rule("allowance", levels=[30], customer=acme.customer)
    use("message", 10)
    evaluate()
    assert alerts() == [("allowance", 30, "open")]


def test_the_customers_own_rule_applies_together_with_finances():
    acme = messages(10)
    set_rule("allowance", levels=[60], customer=acme.customer, set_by="customer")
    use("message", 6)
    evaluate()
    assert sorted(alerts()) == [("allowance", 50, "open"), ("allowance", 60, "open")]
    assert sorted(facts["set_by"] for facts in announced_facts()) == ["customer", "finance"]


def test_an_alert_of_a_removed_rule_recovers_without_notification():
    acme = messages(10)
    rule = set_rule("allowance", levels=[60], customer=acme.customer, set_by="customer")
    use("message", 6)
    evaluate()
    remove_alert_rule(alert_rule=rule, at=NOW + MINUTE)
    evaluate(NOW + 2 * MINUTE)
    assert sorted(alerts()) == [("allowance", 50, "open"), ("allowance", 60, "recovered")]
    assert announced_facts("alert.recovered") == []


def test_a_change_of_a_default_rule_evaluates_every_customer():
    messages(10)
    use("message", 4)
    evaluate()
    set_rule("allowance", levels=[40])
    evaluate(NOW + 2 * MINUTE)
    assert alerts() == [("allowance", 40, "open")]


def test_setting_a_rule_again_replaces_it_and_keeps_its_alerts():
    acme = calls("1")
    first = set_rule("spend", amount=100, subscription=acme)
    use("call", 50)
    evaluate()
    assert set_rule("spend", amount=100, levels=[50, 60], subscription=acme).pk == first.pk
    use("call", 10)
    evaluate(NOW + 2 * MINUTE)
    assert alerts() == [("spend", 50, "open"), ("spend", 60, "open")]


REFUSED = [
    # kind           more, field, words
    ("spend",        {"amount": 5},  "customer",  "needs a customer or a subscription"),
    ("spend",        {"customer": True},  "amount",  "can be invoiced in USD"),
    ("spend",        {"customer": True, "amount": "0.001"},  "amount",  "can be invoiced in USD"),
    ("allowance",    {"amount": 5},  "amount",          "Leave the amount empty"),
    ("allowance",    {"levels": [0]},  "levels",          "from 1 to 1,000"),
    ("allowance",    {"levels": range(1, 12)},  "levels",          "at most 10 thresholds"),
    ("allowance",    {"dimension": "api_key", "value": "k"},  "dimension",       "Only a spending rule"),
    ("spend",        {"customer": True, "amount": 5, "dimension": "k"},  "dimension_value", "enter a value"),
    ("low_balance",  {"customer": True, "feature": True},  "feature",         "has no subscription or feature"),
    ("low_balance",  {"amount": -1},  "amount",          "from 0"),
    ("allowance",    {"set_by": "customer"},  "customer",        "needs a customer"),
    ("allowance",    {"set_by": "customer", "customer": True, "is_on": False},  "is_on",     "can’t turn alert"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "more", "field", "words"), REFUSED)
def test_an_invalid_rule_is_rejected(kind, more, field, words):
    acme = messages(10)
    if more.get("customer"):
        more = more | {"customer": acme.customer}
    if more.get("feature"):
        more = more | {"feature": make_feature("messages")}
    before = AlertRule.objects.count()
    with pytest.raises(AlertRuleRefused, match=words) as refused:
        set_rule(kind, **more)
    assert (refused.value.field, AlertRule.objects.count()) == (field, before)


def test_a_customers_amount_is_at_most_finances():
    acme = calls()
    set_rule("spend", amount=100, subscription=acme)
    with pytest.raises(AlertRuleRefused, match="can’t exceed 100"):
        set_rule("spend", amount=101, subscription=acme, set_by="customer")
    set_rule("spend", amount=90, subscription=acme, set_by="customer")
    with pytest.raises(AlertRuleRefused, match="own amount is 90"):
        set_rule("spend", amount=80, subscription=acme)


def test_the_number_of_a_customers_own_rules_is_limited():
    acme = calls()
    for number in range(MAX_RULES_PER_CUSTOMER):
        scope = {"subscription": acme, "dimension": "api_key", "value": f"key-{number}"}
        set_rule("spend", amount=5, set_by="customer", **scope)
    set_rule("spend", amount=6, set_by="customer", **scope)
    with pytest.raises(AlertRuleRefused, match="Remove one first"):
        set_rule("allowance", customer=acme.customer, set_by="customer")
