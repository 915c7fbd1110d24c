"""
A one-off invoice from the customer's page: drafted, issued and voided; and a period's invoice that is regenerated.
"""

from datetime import timedelta

import pytest

from billing.closing import close_due
from customers.models import Customer
from invoices.models import Invoice
from invoices.one_off_invoices import OneOffRequest, draft_invoice
from tests.builders import FEB, JAN, fee, make_customer, make_plan, make_tax, publish, subscribe

pytestmark = pytest.mark.django_db

LINE = {
    "lines-0-description": "Migration",
    "lines-0-quantity": "2",
    "lines-0-unit": "day",
    "lines-0-unit_price": "900",
    "lines-0-tax_code": "",
    "lines-0-first_day": "2026-01-05",
    "lines-0-last_day": "2026-01-06",
}
SENT = {"lines-TOTAL_FORMS": "1", "lines-INITIAL_FORMS": "0", "net_days": "30", "purchase_order": "PO 7", "note": ""}


@pytest.fixture
def customer() -> Customer:
    make_tax("19")
    return make_customer("acme", legal_name="Globex")


def page(invoice: Invoice, action: str = "change") -> str:
    return f"/admin/invoices/invoice/{invoice.pk}/{action}/"


def test_it_is_drafted_edited_issued_and_voided(member, customer):
    finance = member("finance")
    response = finance.post(f"/admin/customers/customer/{customer.pk}/draft_invoice/", follow=True)
    draft = Invoice.objects.get()
    assert "Draft for Globex" in response.content.decode()
    preview = finance.post(page(draft, "edit_draft"), {**SENT, **LINE, "_preview": ""}).content.decode()
    assert all(part in preview for part in ("$1,800.00", "VAT 19%", "$342.00", "$2,142.00"))
    assert not draft.lines.exists()
    saved_page = finance.post(page(draft, "edit_draft"), {**SENT, **LINE, "_save": ""}, follow=True).content.decode()
    assert "The draft was saved. Its total is $2,142.00." in saved_page
    stored = {**SENT, **LINE, "lines-INITIAL_FORMS": "1", "_save": ""}
    assert (
        "The draft was saved. Its total is $2,142.00."
        in finance.post(page(draft, "edit_draft"), stored, follow=True).content.decode()
    )
    emptied_page = finance.post(
        page(draft, "edit_draft"), {**stored, "lines-0-DELETE": "on"}, follow=True
    ).content.decode()
    assert "The draft was saved. Its total is $0.00." in emptied_page
    finance.post(page(draft, "edit_draft"), {**SENT, **LINE, "_save": ""})
    assert "The total is $2,142.00, with tax." in finance.get(page(draft, "issue_draft")).content.decode()
    issued = finance.post(page(draft, "issue_draft"), follow=True).content.decode()
    assert "INV-000001 was issued." in issued
    draft.refresh_from_db()
    assert (draft.state, draft.net_days, draft.purchase_order) == ("issued", 30, "PO 7")
    page_text = finance.get(page(draft, "void")).content.decode()
    assert "A credit note for $2,142.00 voids the invoice." in page_text
    finance.post(page(draft, "void"), {"reason": "Wrong customer"})
    draft.refresh_from_db()
    assert (draft.state, draft.corrections.get().reason) == ("void", "Wrong customer")


def test_an_invalid_draft_shows_errors_and_can_be_discarded(member, customer):
    finance = member("finance")
    draft = draft_invoice(customer=customer, request=OneOffRequest(), at=JAN)
    invalid_form = {**SENT, **LINE, "lines-0-unit_price": "-900", "_save": ""}
    assert "The total is -$2,142.00." in finance.post(page(draft, "edit_draft"), invalid_form).content.decode()
    assert "The draft has no lines." in finance.post(page(draft, "issue_draft"), follow=True).content.decode()
    assert "The draft was discarded." in finance.post(page(draft, "discard_draft"), follow=True).content.decode()
    assert not Invoice.objects.exists()


def test_staff_without_the_permission_can_not_draft_invoices(member, customer):
    draft = draft_invoice(customer=customer, request=OneOffRequest(), at=JAN)
    support = member("support")
    assert support.post(f"/admin/customers/customer/{customer.pk}/draft_invoice/").status_code == 403
    for action in ("edit_draft", "issue_draft", "discard_draft"):
        assert support.post(page(draft, action), {**SENT, **LINE, "_save": ""}).status_code == 403
    assert Invoice.objects.get().state == "draft"


def test_a_periods_invoice_is_regenerated(member, customer):
    subscribe(customer, publish(make_plan(fees=[fee("30", billed="arrears")])))
    close_due(at=FEB + timedelta(hours=1))
    old = Invoice.objects.get()
    Customer.objects.update(city="Bonn", tax_exemption="Charity")
    finance = member("finance")
    page_text = finance.get(page(old, "regenerate")).content.decode()
    assert "A new invoice claims $30.00" in page_text
    done = finance.post(page(old, "regenerate"), {"reason": "They are a charity"}, follow=True).content.decode()
    assert "INV-000002 is issued in place of INV-000001." in done
    new = Invoice.objects.get(number="INV-000002")
    assert (new.buyer_facts["city"], new.tax.amount, new.corrects) == ("Bonn", 0, old)
