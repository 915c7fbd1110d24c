"""A money wallet that may pays what is due, after tax, the oldest invoice first; a payment, never a discount."""

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


def told(invoice):
    invoice = Invoice.objects.get(pk=invoice.pk)
    return invoice.state, invoice.paid, invoice.due


def test_it_pays_the_oldest_first_as_far_as_it_goes(customer, wallet):
    first, second = make_invoice(customer), make_invoice(customer)  # of 17.85 each
    fill(wallet, "20")
    assert [pay_invoices(at=FEB) for _ in range(2)] == [2, 0]
    assert told(first) == ("paid", D("17.85"), 0)
    assert told(second) == ("issued", D("2.15"), D("15.70"))
    assert Wallet.objects.get().balance == 0
    fill(wallet, "100", "more")
    assert pay_invoices(at=FEB) == 1
    assert told(second) == ("paid", D("17.85"), 0)
    assert Wallet.objects.get().balance == D("84.30")


def test_what_it_pays_goes_out_of_the_ledger_at_its_cost(customer, wallet):
    invoice = make_invoice(customer)
    fill(wallet, "100", cost="95")
    pay_invoices(at=FEB)
    moved = Transaction.objects.get(kind="pay")
    sides = Entry.objects.filter(transaction=moved).order_by("id").values_list("account", "units", "money")
    assert list(sides) == [("wallet", D("-17.85"), D("-16.9575")), ("world", D("17.85"), D("16.9575"))]
    payment = Payment.objects.get()
    assert (payment.method, payment.amount, payment.invoice_id) == ("wallet", D("17.85"), invoice.pk)
    assert (payment.reference, moved.reference) == (f"wallet:{wallet.pk}:1", f"invoice:{invoice.pk}:1")


def test_of_a_fraction_of_a_cent_nothing_is_paid(customer, wallet):
    invoice = make_invoice(customer)
    fill(wallet, "2.159999")
    pay_invoices(at=FEB)
    assert told(invoice) == ("issued", D("2.15"), D("15.70"))


KEPT = [
    ({"pays_invoices": False}, {}, "a wallet that may not"),
    ({"unit": "credits", "pays_invoices": False}, {}, "credits"),
    ({"unit": "USD", "currency": "USD"}, {}, "another currency"),
    ({}, {"expires_at": FEB}, "what has expired"),
    ({}, {"valid_from": FEB + timedelta(days=1)}, "what is not valid yet"),
    ({}, {"features": [1]}, "what is for a feature"),
]


@pytest.mark.parametrize(("fields", "terms", "why"), KEPT)
def test_some_value_pays_no_invoice(customer, fields, terms, why):
    invoice = make_invoice(customer)
    if terms.get("features"):
        terms = {"features": [make_feature("runs").pk]}
    fields = {"name": "Money", "unit": "EUR", "currency": "EUR", "pays_invoices": True, **fields}
    fill(make_wallet(customer, **fields), "100", **terms)
    assert pay_invoices(at=FEB) == 0, why
    assert told(invoice)[0] == "issued"


def test_only_its_customers_invoices_and_only_what_is_due(customer, wallet):
    other, draft, void = make_invoice(make_customer()), make_invoice(customer, issue=False), make_invoice(customer)
    issue_credit_note(invoice_id=void.pk, lines=None, reason="Sorry", to="offset", at=FEB)
    fill(wallet, "100")
    assert pay_invoices(at=FEB) == 0
    assert [told(one)[0] for one in (other, draft, void)] == ["issued", "draft", "void"]


def test_it_buys_credits_and_they_arrive(customer, wallet):
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
