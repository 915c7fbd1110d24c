"""Finance uploads a bank's file in a browser, books a payment in doubt with one click, and the invoice is paid."""

import pytest
from playwright.sync_api import expect

from invoices.models import Invoice, Payment
from tests.invoices.bank_statements.bank_rows import Transfer, camt, make_due

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ACME = "Acme Robotics GmbH"


def test_from_the_file_to_the_paid_invoice(signed_in):
    make_due(ACME), make_due(ACME, "80.00")
    transfers = [Transfer("119.00", "INV-00001", ACME), Transfer("80.00", "our invoice of January", ACME)]
    page = signed_in("finance")

    page.goto("/admin/invoices/bankstatement/")
    page.get_by_role("link", name="Import bank file").first.click()
    file = {"name": "march.xml", "mimeType": "application/xml", "buffer": camt(transfers)}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Preview lines").click()
    expect(page.get_by_text("2 new lines")).to_be_visible()
    assert not Payment.objects.exists()
    page.get_by_role("button", name="Import 2 lines").click()

    expect(page.get_by_text("1 line waits for a decision.")).to_be_visible()
    expect(page.get_by_text("same amount, same name")).to_be_visible()
    page.get_by_role("button", name="Book to INV-00002").click()

    expect(page.get_by_text("€80.00 was booked to INV-00002.")).to_be_visible()
    assert set(Invoice.objects.values_list("state", flat=True)) == {"paid"}
