"""The demo's prepaid customers have lots, daily usage, an expiry and a debt for the wallet page, created once."""

from datetime import UTC, datetime

import pytest

from demo import catalog, prepaid_customers, sellers_and_customers
from invoices.models import Invoice
from tests.clean_books import assert_clean
from wallets.models import Transaction, Wallet

AT = datetime(2026, 4, 27, 12, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_they_have_purchases_usage_expiries_and_debts():
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
    assert_clean("wallets")
    transaction_count = Transaction.objects.count()
    assert prepaid_customers.add(at=AT) == 0
    assert Transaction.objects.count() == transaction_count
