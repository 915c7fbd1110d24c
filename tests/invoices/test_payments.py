"""A payment of an invoice is recorded once, and never above the amount due."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice, Payment
from invoices.payments.manual_payments import PaymentRefused, record_payment
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer, make_seller
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    return make_invoice(make_customer("acme", seller=make_seller(), currency="EUR"), net="20.00", tax="3.80")


def pay(invoice, amount="23.80", **fields):
    arguments = {"method": "manual", "reference": "bank-1", "at": FEB, **fields}
    return record_payment(invoice_id=invoice.pk, amount=D(amount), **arguments)


def amounts_and_state(invoice):
    invoice = Invoice.objects.get(pk=invoice.pk)
    return invoice.credited, invoice.paid, invoice.due, invoice.state


@pytest.mark.parametrize(
    "row", rows("invoices.md", "payments"), ids=lambda row: f"{row['payment']}-{row['credited']}"
)
def test_the_amount_due_is_neither_credited_nor_paid(invoice, row):
    pay(invoice, row["payment"])
    if D(row["credited"]):
        lines = None if D(row["credited"]) == D("23.80") else [RequestedCredit(1, D("3.19"))]  # and 0.61 of tax
        issue_credit_note(invoice_id=invoice.pk, lines=lines, reason="Sorry", to="offset", at=FEB)
    if (rest := D(row["paid"]) - D(row["payment"])) > 0:
        pay(invoice, rest, reference="bank-2")
    assert amounts_and_state(invoice) == (D(row["credited"]), D(row["paid"]), D(row["due"]), row["state"])


def test_the_same_reference_counts_once(invoice):
    first = pay(invoice, "10")
    assert pay(invoice, "10", at=FEB + timedelta(days=1)) == first
    assert amounts_and_state(invoice) == (0, 10, D("13.80"), "issued")


def test_a_reference_may_be_of_several_invoices(invoice):
    other = make_invoice(invoice.customer)
    assert pay(invoice).reference == pay(other, "17.85").reference


REFUSED = [
    ({"amount": "23.81"}, "amount", "up to the amount due, €23.80"),
    ({"amount": "0"}, "amount", "above zero"),
    ({"amount": "-1"}, "amount", "above zero"),
    ({"amount": "NaN"}, "amount", "above zero"),
    ({"amount": "1.001"}, "amount", "too many decimal places for EUR"),
    ({"reference": " "}, "reference", "Enter a reference"),
    ({"reference": "x" * 121}, "reference", "Enter a reference"),
    ({"paid_at": FEB + timedelta(seconds=1)}, "paid_at", "in the future"),
]


@pytest.mark.parametrize(("fields", "field", "words"), REFUSED)
def test_an_impossible_change_is_rejected_with_the_reason(invoice, fields, field, words):
    with pytest.raises(PaymentRefused, match=words) as refused:
        pay(invoice, **fields)
    assert refused.value.field == field
    assert not Payment.objects.exists()


def test_a_reference_that_names_another_payment_is_refused(invoice):
    pay(invoice, "10")
    with pytest.raises(PaymentRefused, match="already"):
        pay(invoice, "9")


def test_a_paid_or_void_invoice_or_a_draft_has_no_amount_due(invoice):
    pay(invoice)
    void, draft = make_invoice(invoice.customer), make_invoice(invoice.customer, issue=False)
    issue_credit_note(invoice_id=void.pk, lines=None, reason="Sorry", to="offset", at=FEB)
    for paid_invoice in (invoice, void, draft):
        with pytest.raises(PaymentRefused, match="no amount due"):
            pay(paid_invoice, "1", reference="bank-9")
