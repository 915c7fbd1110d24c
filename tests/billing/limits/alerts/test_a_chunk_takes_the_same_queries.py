"""Evaluating many customers takes no more statements than evaluating few."""

from decimal import Decimal

import pytest

from billing.models import Alert
from tests.billing.limits.alerts.alert_setup import NOW, calls, evaluate, use
from tests.billing.limits.alerts.test_a_rule_applies_to_its_scope import set_rule
from tests.builders import JAN, cap
from tests.statements import sent_statements
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet

pytestmark = pytest.mark.django_db


def add(*names):
    """Add customers with a spend cap, alert rules and a wallet, and usage that the rules watch."""
    for name in names:
        subscription = calls("1", ref=name)
        cap(subscription, 10, at=NOW)
        set_rule("spend", amount=10, subscription=subscription, dimension="api_key", value="ci", set_by="customer")
        set_rule("last_period", customer=subscription.customer)
        set_rule("low_balance", amount=500, customer=subscription.customer)
        wallet = Wallet.objects.create(customer=subscription.customer)
        grant(wallet_id=wallet.pk, grants=[Grant("purchased", Decimal(100), "pack")], at=JAN)
        use("call", 8, customer=name, api_key="ci")


def statement_count(at):
    """Return how many statements an evaluation takes."""
    with sent_statements() as statements:
        evaluate(at)
    return len(statements)


def test_many_take_no_more_than_few():
    add("a")
    evaluate()  # fills the caches of the process
    add("b", "c")
    few = statement_count(NOW)
    add(*(f"d{number}" for number in range(12)))
    assert statement_count(NOW) <= few
    assert Alert.objects.values("customer").distinct().count() == 15
