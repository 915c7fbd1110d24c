"""An e-invoice is fetched in either syntax; an invoice that can't be one is rejected with the reason."""

import pytest

from customers.models import Customer, Seller
from tests.api.calls import problem
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer
from tests.invoices.rendering.einvoice.standard_rules import errors_of, kind_of

PLACE = {"country": "DE", "address_line1": "Torstraße 140", "postal_code": "10119", "city": "Berlin"}
KINDS = {"xml": "CrossIndustryInvoice", "ubl": "Invoice"}
NAMES = {"xml": "INV-00001.cii.xml", "ubl": "INV-00001.ubl.xml"}


@pytest.fixture
def european(seller) -> Customer:
    Seller.objects.filter(pk=seller.pk).update(tax_number="DE136695976", company_number="HRB 1", **PLACE)
    seller.refresh_from_db()
    return make_customer("acme", seller=seller, currency="EUR", tax_number="DE811907980", **PLACE)


@pytest.mark.parametrize("syntax", KINDS)
def test_an_e_invoice_is_valid_by_the_standard(live, european, syntax):
    invoice = make_invoice(european, copies=True)
    answer = live.get(f"/invoices/{invoice.pk}/{syntax}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/xml")
    assert answer["Content-Disposition"] == f'attachment; filename="{NAMES[syntax]}"'
    assert kind_of(answer.content) == KINDS[syntax]
    assert errors_of(answer.content) == []
    repeated = live.get(f"/invoices/{invoice.pk}/{syntax}")
    assert (repeated.content, repeated["ETag"]) == (answer.content, answer["ETag"])


@pytest.mark.parametrize("syntax", KINDS)
def test_a_credit_note_is_an_e_invoice_and_names_its_invoice(live, european, syntax):
    invoice = make_invoice(european, copies=True)
    note = live.post("/credit-notes", {"invoice": invoice.pk, "reason": "Outage", "to": "offset"}).json()
    answer = live.get(f"/credit-notes/{note['id']}/{syntax}")
    assert errors_of(answer.content) == []
    assert b"INV-00001<" in answer.content
    problem(live.get(f"/invoices/{note['id']}/{syntax}"), 404, "not-found")


def test_an_invoice_that_can_not_be_an_e_invoice_gives_the_reason(live, european):
    Seller.objects.update(tax_number="", company_number="")
    european.seller.refresh_from_db()
    invoice = make_invoice(european, copies=True)
    error = problem(live.get(f"/invoices/{invoice.pk}/xml"), 422, "unprocessable")
    assert error["detail"].startswith("The seller has no VAT ID or tax number.")


def test_a_draft_has_no_e_invoice(live, european):
    draft = make_invoice(european, issue=False, copies=True)
    assert "draft" in problem(live.get(f"/invoices/{draft.pk}/ubl"), 409, "not-ready")["detail"]


def test_a_test_key_does_not_find_it(sandbox, european):
    invoice = make_invoice(european, copies=True)
    problem(sandbox.get(f"/invoices/{invoice.pk}/xml"), 404, "not-found")
