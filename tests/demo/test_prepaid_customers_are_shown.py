"""The demo's prepaid customers have what a wallet's page shows: lots, use day by day, an expiry, a debt; once."""

from datetime import UTC, datetime

import pytest

from billing.audit import assert_clean
from billing.audit.records import wallets
from demo import catalog, prepaid_customers, sellers_and_customers
from invoices.models import Invoice
from wallets.models import Transaction, Wallet

AT = datetime(2026, 4, 27, 12, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_they_buy_use_let_expire_and_owe():
    catalog.load(AT)
    sellers_and_customers.add_all(AT)
    assert prepaid_customers.add(at=AT) == 2
    credits, dollars = Wallet.objects.order_by("id")
    assert (credits.unit, dollars.unit) == ("credits", "USD")
    assert credits.debt > 0
    assert dollars.balance > 0
    kinds = set(Transaction.objects.filter(wallet=credits).values_list("kind", flat=True))
    assert {"grant", "spend", "expire"} <= kinds
    days = Transaction.objects.filter(wallet=dollars, kind="spend").dates("at", "day")
    assert len(days) > 40
    assert not Invoice.objects.exists()
    assert_clean(only=[check.name for check in wallets.CHECKS])
    moved = Transaction.objects.count()
    assert prepaid_customers.add(at=AT) == 0
    assert Transaction.objects.count() == moved
