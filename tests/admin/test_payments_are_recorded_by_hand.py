"""A payment is recorded from an invoice's page, once, only by staff with the permission."""

from datetime import date

import pytest

from invoices.models import Payment
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer


@pytest.fixture
def invoice(db):
    return make_invoice(make_customer(legal_name="Globex", currency="EUR"))


def address(invoice, action="record_payment"):
    return f"/admin/invoices/invoice/{invoice.pk}/{action}/"


def test_the_page_shows_the_amount_due_and_records_a_payment(member, invoice):
    finance = member("finance")
    assert "Amount due: €17.85." in finance.get(address(invoice)).content.decode()
    arguments = {"amount": "17.85", "reference": "bank-7", "_reason": "By transfer"}
    page = finance.post(address(invoice), arguments, follow=True).content.decode()
    for part in (
        "A payment of €17.85 for INV-00001 was recorded.",
        "bank-7",
        "recorded manually",
        "By transfer",
        "paid",
    ):
        assert part in page
    assert "Record payment" not in page
    assert Payment.objects.get().by.first_name == "Finance"


def test_a_payment_has_the_day_on_which_the_bank_booked_it(member, invoice):
    arguments = {"amount": "17.85", "reference": "bank-7", "paid_on": "2026-02-03"}
    member("finance").post(address(invoice), arguments)
    assert Payment.objects.get().paid_at.date() == date(2026, 2, 3)


@pytest.mark.parametrize(
    ("amount", "message"), [("17.86", "up to the amount due, €17.85"), ("five", "Enter a number.")]
)
def test_an_invalid_payment_shows_the_error_and_keeps_the_form(member, invoice, amount, message):
    page = member("finance").post(address(invoice), {"amount": amount, "reference": "bank-7"}).content.decode()
    assert message in page.replace("&#x27;", "'")
    assert 'value="bank-7"' in page
    assert not Payment.objects.exists()


def test_support_sees_payments_and_can_not_record_them(member, invoice):
    support = member("support")
    assert "Record payment" not in support.get(address(invoice, "change")).content.decode()
    assert support.post(address(invoice), {"amount": "1", "reference": "x"}).status_code == 403
