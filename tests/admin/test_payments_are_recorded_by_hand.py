"""A payment is recorded from an invoice's page, once, by whoever may."""

import pytest

from invoices.models import Payment
from tests.api.documents import make_invoice
from tests.builders import make_customer


@pytest.fixture
def invoice(db):
    return make_invoice(make_customer(legal_name="Globex", currency="EUR"))


def address(invoice, what="record_payment"):
    return f"/admin/invoices/invoice/{invoice.pk}/{what}/"


def test_the_page_says_what_is_due_and_records_it(member, invoice):
    finance = member("finance")
    assert "€17.85 is due" in finance.get(address(invoice)).content.decode()
    arguments = {"amount": "17.85", "reference": "bank-7", "_reason": "By transfer"}
    page = finance.post(address(invoice), arguments, follow=True).content.decode()
    for part in ("€17.85 of INV-00001 is paid.", "bank-7", "recorded by hand", "By transfer", "paid", "Still due"):
        assert part in page
    assert "Record payment" not in page
    assert Payment.objects.get().by.first_name == "Finance"


@pytest.mark.parametrize(("amount", "says"), [("17.86", "€17.85 is due"), ("five", "Enter a number.")])
def test_what_cannot_be_is_told_and_nothing_is_lost(member, invoice, amount, says):
    page = member("finance").post(address(invoice), {"amount": amount, "reference": "bank-7"}).content.decode()
    assert says in page.replace("&#x27;", "'")
    assert 'value="bank-7"' in page
    assert not Payment.objects.exists()


def test_support_sees_payments_and_records_none(member, invoice):
    support = member("support")
    assert "Record payment" not in support.get(address(invoice, "change")).content.decode()
    assert support.post(address(invoice), {"amount": "1", "reference": "x"}).status_code == 403
