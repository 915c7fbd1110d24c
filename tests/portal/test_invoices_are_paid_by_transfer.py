"""The page of an unpaid invoice has the account, the reference and, in euros, the QR code of the transfer."""

import pytest

from customers.models import Seller
from invoices.payments.manual_payments import record_payment
from tests.api.invoice_rows import make_invoice
from tests.builders import make_seller
from tests.portal.accounts import TODAY, make_account

pytestmark = pytest.mark.django_db

ACCOUNT = {"iban": "DE02120300000000202051", "bic": "BYLADEM1001", "account_holder": "Acme Collections"}


@pytest.fixture
def account(db):
    Seller.objects.filter(pk=make_seller().pk).update(**ACCOUNT)
    return make_account("own")


def page(account, invoice) -> str:
    return account.client().get(f"/portal/invoices/{invoice.pk}").content.decode()


def test_an_invoice_in_euros_has_the_account_and_a_code(account):
    seller = make_seller("euro", legal_name="Euro GmbH", country="DE", **ACCOUNT)
    invoice = make_invoice(account.customer, seller=seller, copies=True)
    text = page(account, invoice)
    for part in (
        "Pay by bank transfer",
        "DE02 1203 0000 0000 2020 51",
        "BYLADEM1001",
        "Acme Collections",
        "€17.85",
        'aria-label="QR code of this transfer"',
    ):
        assert part in text, part


def test_an_invoice_in_dollars_has_no_code(account):
    text = page(account, account.invoice)
    assert "Pay by bank transfer" in text
    assert "QR code" not in text


def test_a_paid_invoice_asks_for_no_transfer(account):
    payment = {"amount": account.invoice.due, "method": "manual", "reference": "statement 1", "at": TODAY}
    record_payment(invoice_id=account.invoice.pk, **payment)
    assert "Pay by bank transfer" not in page(account, account.invoice)
