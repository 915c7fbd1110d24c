"""The most specific of finance's rules holds; a customer's own stands beside it, under what finance has set."""

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
from tests.billing.limits.alerts.world import MINUTE, NOW, alerts, calls, look, messages, told, use
from tests.builders import make_feature, make_seller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def guard(kind, *, levels=(), amount=None, is_on=True, set_by="finance", at=NOW, **scope):
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
    # what the rule that is off names       whether it holds for acme's messages
    (lambda one: {},                                                True),
    (lambda one: {"seller": one.customer.seller},                   True),
    (lambda one: {"seller": make_seller("other")},                  False),
    (lambda one: {"customer": one.customer},                        True),
    (lambda one: {"subscription": one},                             True),
    (lambda one: {"feature": make_feature("messages")},             True),
    (lambda one: {"customer": one.customer, "feature": make_feature("messages")}, True),
    (lambda one: {"feature": make_feature("other")},                False),
]  # fmt: skip


@pytest.mark.parametrize(("scope", "is_off"), SCOPES)
def test_a_rule_that_is_off_takes_away_what_more_general_ones_say(scope, is_off):
    guard("allowance", is_on=False, **scope(messages(10)))
    use("message", 10)
    look()
    assert bool(alerts()) != is_off


def test_a_rule_of_a_customer_comes_before_one_of_a_feature():
    acme = messages(10)
    guard("allowance", levels=[20], feature=make_feature("messages"))
    guard("allowance", levels=[30], customer=acme.customer)
    use("message", 10)
    look()
    assert alerts() == [("allowance", 30, "open")]


def test_the_customers_own_stands_beside_finances():
    acme = messages(10)
    guard("allowance", levels=[60], customer=acme.customer, set_by="customer")
    use("message", 6)
    look()
    assert sorted(alerts()) == [("allowance", 50, "open"), ("allowance", 60, "open")]
    assert sorted(one["set_by"] for one in told()) == ["customer", "finance"]


def test_what_is_watched_no_more_recovers_without_a_word():
    acme = messages(10)
    rule = guard("allowance", levels=[60], customer=acme.customer, set_by="customer")
    use("message", 6)
    look()
    remove_alert_rule(alert_rule=rule, at=NOW + MINUTE)
    look(NOW + 2 * MINUTE)
    assert sorted(alerts()) == [("allowance", 50, "open"), ("allowance", 60, "recovered")]
    assert told("alert.recovered") == []


def test_a_change_of_what_holds_for_everybody_is_looked_at_with_everybody():
    messages(10)
    use("message", 4)
    look()
    guard("allowance", levels=[40])
    look(NOW + 2 * MINUTE)
    assert alerts() == [("allowance", 40, "open")]


def test_setting_it_again_replaces_it_and_what_was_told_stays():
    acme = calls("1")
    first = guard("spend", amount=100, subscription=acme)
    use("call", 50)
    look()
    assert guard("spend", amount=100, levels=[50, 60], subscription=acme).pk == first.pk
    use("call", 10)
    look(NOW + 2 * MINUTE)
    assert alerts() == [("spend", 50, "open"), ("spend", 60, "open")]


REFUSED = [
    # kind           more, field, words
    ("spend",        {"amount": 5},  "customer",  "one customer or subscription"),
    ("spend",        {"customer": True},  "amount",  "could be invoiced in USD"),
    ("spend",        {"customer": True, "amount": "0.001"},  "amount",  "could be invoiced in USD"),
    ("allowance",    {"amount": 5},  "amount",          "leave the amount out"),
    ("allowance",    {"levels": [0]},  "levels",          "from 1 to 1,000"),
    ("allowance",    {"levels": range(1, 12)},  "levels",          "10 levels at most"),
    ("allowance",    {"dimension": "api_key", "value": "k"},  "dimension",       "Only spend"),
    ("spend",        {"customer": True, "amount": 5, "dimension": "k"},  "dimension_value", "its value"),
    ("low_balance",  {"customer": True, "feature": True},  "feature",         "watched whole"),
    ("low_balance",  {"amount": -1},  "amount",          "from 0"),
    ("allowance",    {"set_by": "customer"},  "customer",        "which customer"),
    ("allowance",    {"set_by": "customer", "customer": True, "is_on": False},  "is_on",     "Only finance"),
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
        guard(kind, **more)
    assert (refused.value.field, AlertRule.objects.count()) == (field, before)


def test_an_amount_of_the_customers_is_at_most_finances():
    acme = calls()
    guard("spend", amount=100, subscription=acme)
    with pytest.raises(AlertRuleRefused, match="Finance watches 100"):
        guard("spend", amount=101, subscription=acme, set_by="customer")
    guard("spend", amount=90, subscription=acme, set_by="customer")
    with pytest.raises(AlertRuleRefused, match="own is 90"):
        guard("spend", amount=80, subscription=acme)


def test_a_customer_has_so_many_of_their_own_and_no_more():
    acme = calls()
    for number in range(MAX_RULES_PER_CUSTOMER):
        scope = {"subscription": acme, "dimension": "api_key", "value": f"key-{number}"}
        guard("spend", amount=5, set_by="customer", **scope)
    guard("spend", amount=6, set_by="customer", **scope)
    with pytest.raises(AlertRuleRefused, match="enough"):
        guard("allowance", customer=acme.customer, set_by="customer")
