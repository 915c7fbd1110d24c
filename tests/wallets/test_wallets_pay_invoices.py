"""
A money wallet with that option pays due invoices after tax, the oldest first, as a payment and never as a discount.
"""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from invoices.credit_notes import issue_credit_note
from invoices.models import Invoice, Payment
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, JAN, make_customer, make_feature, make_pack, make_wallet
from wallets.ledger.grant import Grant, grant
from wallets.models import Entry, Transaction, Wallet
from wallets.operations.invoice_payment import pay_invoices
from wallets.purchases import PackOrder, buy

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return make_customer("acme", currency="EUR")


@pytest.fixture
def wallet(customer):
    return make_wallet(customer, name="Money", unit="EUR", currency="EUR", pays_invoices=True)


def fill(wallet, amount, source="gift", kind="purchased", cost=None, **terms):
    cost = D(amount) if cost is None else D(cost)
    grant(wallet_id=wallet.pk, grants=[Grant(kind, D(amount), source, cost=cost, **terms)], at=JAN)


def state_paid_and_due(invoice):
    invoice = Invoice.objects.get(pk=invoice.pk)
    return invoice.state, invoice.paid, invoice.due


def test_it_pays_the_oldest_first_as_far_as_it_goes(customer, wallet):
    first, second = make_invoice(customer), make_invoice(customer)  # of 17.85 each
    fill(wallet, "20")
    assert [pay_invoices(at=FEB) for _ in range(2)] == [2, 0]
    assert state_paid_and_due(first) == ("paid", D("17.85"), 0)
    assert state_paid_and_due(second) == ("issued", D("2.15"), D("15.70"))
    assert Wallet.objects.get().balance == 0
    fill(wallet, "100", "more")
    assert pay_invoices(at=FEB) == 1
    assert state_paid_and_due(second) == ("paid", D("17.85"), 0)
    assert Wallet.objects.get().balance == D("84.30")


def test_a_payment_is_booked_in_the_ledger_at_its_cost(customer, wallet):
    invoice = make_invoice(customer)
    fill(wallet, "100", cost="95")
    pay_invoices(at=FEB)
    ledger_transaction = Transaction.objects.get(kind="pay")
    sides = (
        Entry.objects.filter(transaction=ledger_transaction).order_by("id").values_list("account", "units", "money")
    )
    assert list(sides) == [("wallet", D("-17.85"), D("-16.9575")), ("world", D("17.85"), D("16.9575"))]
    payment = Payment.objects.get()
    assert (payment.method, payment.amount, payment.invoice_id) == ("wallet", D("17.85"), invoice.pk)
    assert (payment.reference, ledger_transaction.reference) == (f"wallet:{wallet.pk}:1", f"invoice:{invoice.pk}:1")


def test_no_fraction_of_a_cent_is_paid(customer, wallet):
    invoice = make_invoice(customer)
    fill(wallet, "2.159999")
    pay_invoices(at=FEB)
    assert state_paid_and_due(invoice) == ("issued", D("2.15"), D("15.70"))


NOT_SPENDABLE = [
    ({"pays_invoices": False}, {}, "a wallet that may not"),
    ({"unit": "credits", "pays_invoices": False}, {}, "credits"),
    ({"unit": "USD", "currency": "USD"}, {}, "another currency"),
    ({}, {"expires_at": FEB}, "expired lots"),
    ({}, {"valid_from": FEB + timedelta(days=1)}, "lots not valid yet"),
    ({}, {"features": [1]}, "lots for a feature"),
]


@pytest.mark.parametrize(("fields", "terms", "why"), NOT_SPENDABLE)
def test_some_value_pays_no_invoice(customer, fields, terms, why):
    invoice = make_invoice(customer)
    if terms.get("features"):
        terms = {"features": [make_feature("runs").pk]}
    fields = {"name": "Money", "unit": "EUR", "currency": "EUR", "pays_invoices": True, **fields}
    fill(make_wallet(customer, **fields), "100", **terms)
    assert pay_invoices(at=FEB) == 0, why
    assert state_paid_and_due(invoice)[0] == "issued"


def test_only_due_invoices_of_its_customer_are_paid(customer, wallet):
    other, draft, void = make_invoice(make_customer()), make_invoice(customer, issue=False), make_invoice(customer)
    issue_credit_note(invoice_id=void.pk, lines=None, reason="Sorry", to="offset", at=FEB)
    fill(wallet, "100")
    assert pay_invoices(at=FEB) == 0
    assert [state_paid_and_due(unpaid)[0] for unpaid in (other, draft, void)] == ["issued", "draft", "void"]


def test_it_pays_for_credits_and_they_are_granted(customer, wallet):
    make_pack("hundred", prices={"EUR": 99})
    credits = make_wallet(customer, currency="EUR")
    buy(wallet_id=credits.pk, order=PackOrder("hundred", "first"), at=JAN)
    fill(wallet, "100")
    assert pay_invoices(at=FEB) == 1
    assert {wallet.name: wallet.balance for wallet in Wallet.objects.all()} == {"Money": 1, "Credits": 100}


def test_money_is_not_bought_with_money(customer, wallet):
    make_pack("balance", unit="money", is_taxed=False, prices={"EUR": 100})
    buy(wallet_id=wallet.pk, order=PackOrder("balance", "first"), at=JAN)
    fill(wallet, "100")
    assert pay_invoices(at=FEB) == 0
