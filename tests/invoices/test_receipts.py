"""Money received has a receipt, which shows its refunds, its return and its overpayment."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from babel import Locale

from invoices.credit_notes import issue_credit_note
from invoices.models import Refund
from invoices.payments.attempts import start_payment, submit_attempt
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import record_payment
from invoices.payments.refunds.refund import record_manual_refund, submit_due_refunds
from invoices.rendering.receipt import compose_receipt, receipts_of, render_receipt
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_seller
from tests.stripe.cards import leave_card

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    seller = make_seller(legal_name="Acme GmbH")
    customer = make_customer("walnut", seller=seller, currency="EUR", legal_name="Walnut Ltd")
    return make_invoice(customer, net="20.00", tax="3.80", copies=True)


@pytest.fixture
def now(invoice):
    return invoice.issued_at


def rows(payment):
    return [(row.text, row.amount) for row in compose_receipt(payment, locale=Locale("en")).rows]


def pay(invoice, now, amount, reference, **options):
    return record_payment(
        invoice_id=invoice.pk, amount=D(amount), method="manual", reference=reference, at=now, **options
    )


def test_a_receipt_names_its_payment_and_invoice(invoice, now):
    receipt = compose_receipt(pay(invoice, now, "23.80", "bank-1"), locale=Locale("en"))
    assert receipt.title == f"Receipt {invoice.number}-R1"
    assert receipt.headline == "€23.80 received on February 1, 2026"
    assert dict(receipt.meta) == {
        "Receipt number": f"{invoice.number}-R1",
        "Invoice number": invoice.number,
        "Date of payment": "February 1, 2026",
        "Payment method": "Bank transfer",
        "Reference": "bank-1",
    }
    assert (receipt.seller.name, receipt.buyer.name) == ("Acme GmbH", "Walnut Ltd")


def test_each_payment_has_its_own(invoice, now):
    first, second = pay(invoice, now, "10.00", "bank-1"), pay(invoice, now, "13.80", "bank-2")
    assert [compose_receipt(payment).number for payment in (first, second)] == [
        f"{invoice.number}-R1",
        f"{invoice.number}-R2",
    ]


def test_an_overpayment_is_money_received(invoice, now):
    payment = pay(invoice, now, "30.00", "bank-1", keeps_surplus=True)
    assert compose_receipt(payment, locale=Locale("en")).headline.startswith("€30.00 received")
    assert rows(payment) == [
        (f"Payment for invoice {invoice.number}", "€23.80"),
        ("Overpayment, kept on your balance", "€6.20"),
        ("Paid after refunds", "€30.00"),
    ]


def test_a_refund_of_a_card_shows_when_it_succeeded(invoice, now, at_stripe):
    leave_card(invoice.customer, at_stripe)
    attempt = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="Sorry", to="refund", at=now)
    payment = attempt.payment
    assert rows(payment)[1:] == [("Refund of €23.80 in progress", ""), ("Paid after refunds", "€23.80")]
    submit_due_refunds(at=now)
    assert rows(payment)[1:] == [("Refund of February 1, 2026", "-€23.80"), ("Paid after refunds", "€0.00")]
    assert dict(compose_receipt(payment, locale=Locale("en")).meta)["Payment method"] == "Visa 4242"


def test_a_transfer_shows_the_refunds_by_hand(invoice, now):
    payment = pay(invoice, now, "23.80", "bank-1")
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="Sorry", to="refund", at=now)
    record_manual_refund(refund_id=Refund.objects.get().pk, reference="out-1", at=now, by=None)
    assert rows(payment)[-1] == ("Paid after refunds", "€0.00")


def test_a_returned_payment_keeps_its_receipt(invoice, now):
    payment = pay(invoice, now, "23.80", "bank-1")
    reverse_payment(payment_id=payment.pk, reason="Returned by the bank", at=now + timedelta(days=3))
    [payment] = receipts_of(invoice)
    receipt = compose_receipt(payment, locale=Locale("en"))
    assert receipt.mark == "Returned"
    assert rows(payment)[1:] == [("Payment returned on February 4, 2026", "-€23.80"), ("Paid after refunds", "€0.00")]


def test_a_payment_from_the_balance_has_none(invoice, now):
    pay(invoice, now, "40.00", "bank-1", keeps_surplus=True)
    record_payment(
        invoice_id=make_invoice(invoice.customer, net="5.00", tax="0.95").pk,
        amount=D("5.95"),
        method="balance",
        reference="balance",
        at=now,
    )
    assert receipts_of(invoice).count() == 1
    assert not receipts_of(invoice.customer.invoices.latest("pk")).exists()


def test_its_file_is_in_the_language_of_the_invoice(invoice, now):
    invoice.customer.locale = "de_DE"
    invoice.customer.save()
    later = make_invoice(invoice.customer, net="20.00", tax="3.80", copies=True)
    payment = pay(later, now, "23.80", "bank-1")
    assert compose_receipt(payment).heading == "Quittung"
    assert render_receipt(payment).startswith(b"%PDF")
