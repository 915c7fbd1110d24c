"""Looking after many customers takes no more statements than looking after few, whatever is found of them."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Alert
from lib import prepared_statements
from tests.billing.limits.alerts.test_a_rule_holds_for_its_scope import guard
from tests.billing.limits.alerts.world import NOW, calls, look, use
from tests.builders import JAN, cap
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet

pytestmark = pytest.mark.django_db


def add(*names):
    """Let customers use what they are capped at and guard themselves against, and what they have prepaid."""
    for name in names:
        own = calls("1", ref=name)
        cap(own, 10, at=NOW)
        guard("spend", amount=10, subscription=own, dimension="api_key", value="ci", set_by="customer")
        guard("last_period", customer=own.customer)
        guard("low_balance", amount=500, customer=own.customer)
        wallet = Wallet.objects.create(customer=own.customer)
        grant(wallet_id=wallet.pk, grants=[Grant("purchased", Decimal(100), "pack")], at=JAN)
        use("call", 8, customer=name, api_key="ci")


def asked(monkeypatch, at):
    """Return how many statements a look takes, by Django's cursors and by prepared ones."""
    prepared = []
    execute = prepared_statements.PreparedCursor.execute

    def counted(self, query, *args, **options):
        prepared.append(query)
        return execute(self, query, *args, **options)

    with monkeypatch.context() as patch, CaptureQueriesContext(connection) as captured:
        patch.setattr(prepared_statements.PreparedCursor, "execute", counted)
        look(at)
    return len(captured) + len(prepared)


def test_many_take_no_more_than_few(monkeypatch):
    add("a")
    look()  # whatever is found out once is found out now
    add("b", "c")
    few = asked(monkeypatch, NOW)
    add(*(f"d{number}" for number in range(12)))
    assert asked(monkeypatch, NOW) <= few
    assert Alert.objects.values("customer").distinct().count() == 15
