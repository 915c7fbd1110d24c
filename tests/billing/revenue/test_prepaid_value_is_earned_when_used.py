"""Purchased credits are a liability until they are used or expire: docs/recognition.md#prepaid-value."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.billing.revenue.book_setup import changes, moment
from tests.builders import make_pack, make_wallet
from wallets.ledger.expiry_job import expire_due
from wallets.ledger.spend import spend
from wallets.models import BreakageRate
from wallets.operations.invoice_payment import pay_invoices
from wallets.purchases import PackOrder, buy, receive_payment

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def wallet():
    return make_wallet()


def buy_pack(wallet, *, at: str, price: str = "100", units: str = "3", **pack):
    make_pack("pack", units=D(units), prices={"USD": D(price)}, **pack)
    purchase = buy(wallet_id=wallet.pk, order=PackOrder("pack", "first"), at=moment(at))
    receive_payment(
        invoice_id=purchase.invoice_id, amount=purchase.invoice.due, method="manual", reference="bank", at=moment(at)
    )
    return purchase


def use(wallet, amount: str, *, at: str):
    spend(wallet_id=wallet.pk, amount=D(amount), reference=f"use {at}", at=moment(at))


def estimate(wallet, percent: str, month: str):
    BreakageRate.objects.create(
        seller=wallet.customer.seller,
        percent=D(percent),
        month=date.fromisoformat(month),
        reason="history of two years",
        created_at=moment(month),
    )


def test_thirds_of_a_pack_lose_no_cent(wallet):
    buy_pack(wallet, at="2026-01-05")
    for month in ("2026-01-20", "2026-02-20", "2026-03-20"):
        use(wallet, "1", at=month)
    seller = wallet.customer.seller
    assert changes(seller, "revenue", at="2026-04-10") == {"2026-01": "33.33", "2026-02": "33.34", "2026-03": "33.33"}
    assert changes(seller, "prepaid", at="2026-04-10") == {
        "2026-01": "66.67",
        "2026-02": "-33.34",
        "2026-03": "-33.33",
    }
    assert changes(seller, "cash", at="2026-04-10") == {"2026-01": "100.00"}


def test_units_that_expire_are_breakage(wallet):
    buy_pack(wallet, at="2026-01-05", valid_days=30)
    use(wallet, "1", at="2026-01-20")
    expire_due(at=moment("2026-02-20") + timedelta(hours=2))
    seller = wallet.customer.seller
    assert changes(seller, "revenue", at="2026-04-10") == {"2026-01": "33.33"}
    assert changes(seller, "breakage", at="2026-04-10") == {"2026-02": "66.67"}


def test_a_changed_estimate_is_caught_up_in_the_month_from_which_it_holds(wallet):
    """KPMG, example 10A: 9,700 of 10,000 are expected to be used, then 9,900."""
    estimate(wallet, "3", "2026-01-01")
    buy_pack(wallet, at="2026-01-05", price="9000", units="10000")
    use(wallet, "4500", at="2026-01-20")
    estimate(wallet, "1", "2026-02-01")
    use(wallet, "4000", at="2026-02-20")
    seller = wallet.customer.seller
    revenue, breakage = (changes(seller, role, at="2026-04-10") for role in ("revenue", "breakage"))
    assert revenue == {"2026-01": "4050.00", "2026-02": "3600.00"}
    assert breakage == {"2026-01": "125.26", "2026-02": "-47.99"}  # 4,175.26, then 7,727.27 less that


def test_an_estimate_changes_a_month_without_use(wallet):
    estimate(wallet, "10", "2026-01-01")
    buy_pack(wallet, at="2026-01-05", price="90", units="100")
    use(wallet, "45", at="2026-01-20")
    estimate(wallet, "0", "2026-03-01")
    assert changes(wallet.customer.seller, "breakage", at="2026-04-10") == {"2026-01": "4.50", "2026-03": "-4.50"}


def test_a_wallet_that_pays_an_invoice_takes_the_cost_of_its_units(wallet):
    money = make_wallet(wallet.customer, name="Money", unit="USD", currency="USD", pays_invoices=True)
    buy_pack(money, at="2026-01-05", price="95", units="100", unit="money", is_taxed=False)
    make_pack("other", units=D(10), prices={"USD": D(50)})
    buy(wallet_id=wallet.pk, order=PackOrder("other", "second"), at=moment("2026-01-10"))
    pay_invoices(at=moment("2026-02-10"))
    seller = wallet.customer.seller
    assert changes(seller, "receivable", at="2026-04-10") == {"2026-01": "50.00", "2026-02": "-50.00"}
    assert changes(seller, "prepaid", at="2026-04-10") == {"2026-01": "145.00", "2026-02": "-47.50"}
    assert changes(seller, "discounts", at="2026-04-10") == {"2026-02": "2.50"}
