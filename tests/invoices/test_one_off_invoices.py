"""One-off invoices: drafts that can be edited until they are issued, under the id that they had from the start."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from customers.models import Customer
from invoices.credit_notes import CreditRefused, RequestedCredit, issue_credit_note, void_invoice
from invoices.documents.locked_months import lock_month
from invoices.models import Invoice, InvoiceTax, Line
from invoices.one_off_invoices import (
    OneOffInvoiceRefused,
    OneOffLine,
    OneOffRequest,
    discard_draft,
    draft_invoice,
    edit_draft,
    issue_draft,
    preview_invoice,
    request_from_draft,
)
from invoices.payments.manual_payments import record_payment
from tests.builders import FEB, JAN, MAR, assert_invoices_clean, make_customer, make_seller, make_tax
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

D = Decimal
DAY = date(2026, 1, 15)
WORK = OneOffLine("Migration of your data", D("900"), DAY, DAY + timedelta(days=1), D("2.5"), "day")
TWO_LINES = OneOffRequest(
    [WORK, OneOffLine("Food", D("-10.005"), DAY, DAY, tax_code="food")], net_days=30, note="Thank you"
)


@pytest.fixture
def customer() -> Customer:
    seller = make_seller("berlin", currency="EUR", time_zone="Europe/Berlin", country="DE")
    make_tax("19", seller=seller)
    make_tax("7", seller=seller, code="food")
    return make_customer("acme", seller=seller, currency="EUR", time_zone="Europe/Berlin", country="DE", city="Bonn")


def test_a_draft_is_issued_with_the_facts_and_taxes_of_the_issue_date(customer: Customer):
    draft = draft_invoice(customer=customer, request=TWO_LINES, at=JAN)
    assert (draft.state, draft.number, draft.total.amount) == ("draft", None, D("2666.79"))
    customer.city = "Köln"
    customer.save()
    make_tax("16", seller=customer.seller, country="DE")
    preview = preview_invoice(customer=customer, request=request_from_draft(draft), at=FEB)
    invoice = issue_draft(invoice_id=draft.pk, at=FEB)
    assert (invoice.pk, invoice.number, invoice.buyer_facts["city"]) == (draft.pk, "INV-000001", "Köln")
    # 2,250.00 at 16%; 10.005 is rounded half up once, and a code without a rate in DE is taxed as all else there
    assert (invoice.net.amount, invoice.tax.amount) == (D("2239.99"), D("358.40"))
    assert (preview.totals.net, preview.totals.tax) == (invoice.net.amount, invoice.tax.amount)
    assert (invoice.issue_date, invoice.due_date) == (date(2026, 2, 1), date(2026, 3, 3))
    assert [line.amount.amount for line in invoice.lines.order_by("position")] == [D("2250"), D("-10.01")]
    assert invoice.period_start.isoformat() == "2026-01-14T23:00:00+00:00"
    assert issue_draft(invoice_id=draft.pk, at=MAR) == invoice
    assert_invoices_clean()


def test_a_draft_is_edited_and_discarded(customer: Customer):
    draft = draft_invoice(customer=customer, request=TWO_LINES, at=JAN)
    stored_request = request_from_draft(draft)
    assert stored_request == replace(
        TWO_LINES, lines=stored_request.lines, currency="EUR", seller=customer.seller, purchase_order=""
    )
    assert list(stored_request.lines) == list(TWO_LINES.lines)
    edited = edit_draft(invoice_id=draft.pk, request=OneOffRequest([WORK], purchase_order="PO 7"), at=FEB)
    assert (edited.lines.get().amount.amount, edited.purchase_order, edited.net_days) == (D("2250"), "PO 7", None)
    assert_invoices_clean()
    discard_draft(invoice_id=draft.pk, at=FEB)
    assert (Invoice.objects.count(), Line.objects.count(), InvoiceTax.objects.count()) == (0, 0, 0)


def test_payment_terms_come_from_the_invoice_the_customer_or_the_seller(customer: Customer):
    due = []
    for customers, documents in ((None, None), (7, None), (7, 0)):
        Customer.objects.update(net_days=customers)
        customer.refresh_from_db()
        draft = draft_invoice(customer=customer, request=OneOffRequest([WORK], net_days=documents), at=JAN)
        invoice = issue_draft(invoice_id=draft.pk, at=FEB)
        due.append((invoice.due_date - invoice.issue_date).days)
    assert due == [14, 7, 0]
    assert_invoices_clean()


def test_prices_may_include_tax(customer: Customer):
    draft = draft_invoice(customer=customer, request=OneOffRequest([WORK], includes_tax=True), at=JAN)
    invoice = issue_draft(invoice_id=draft.pk, at=FEB)
    assert (invoice.net.amount, invoice.tax.amount, invoice.total.amount) == (D("1890.76"), D("359.24"), D("2250"))
    assert_invoices_clean()


FREE = OneOffLine("Nothing", D(0), DAY, DAY)
REFUSED = [
    # request                                                      message                    field
    (OneOffRequest([replace(WORK, description=" ")]), "Enter a description", "lines.0.description"),
    (OneOffRequest([WORK, replace(WORK, quantity=D(0))]), "Line 2: The quantity", "lines.1.quantity"),
    (OneOffRequest([replace(WORK, quantity=D("NaN"))]), "The quantity", "lines.0.quantity"),
    (OneOffRequest([replace(WORK, unit_price=D("1e-13"))]), "valid price", "lines.0.unit_price"),
    (OneOffRequest([replace(WORK, unit_price=D("1e12"))]), "amount of the line is too large", "lines.0.unit_price"),
    (
        OneOffRequest([replace(WORK, last_day=DAY - timedelta(days=1))]),
        "not be before the first day",
        "lines.0.last_day",
    ),
    (OneOffRequest([replace(WORK, unit_price=D(-1))]), "The total is -€2.98", "lines"),
    (OneOffRequest([WORK], currency="XXX"), "not a currency", "currency"),
    (OneOffRequest([WORK], net_days=366), "0 to 365 days", "net_days"),
    (OneOffRequest([WORK], purchase_order="x" * 81), "up to 80", "purchase_order"),
]


@pytest.mark.parametrize(("request_", "message", "field"), REFUSED)
def test_an_invalid_line_is_rejected(customer: Customer, request_: OneOffRequest, message: str, field: str):
    with pytest.raises(OneOffInvoiceRefused, match=message) as refused:
        draft_invoice(customer=customer, request=request_, at=JAN)
    assert refused.value.field == field
    assert not Invoice.objects.exists()


def test_a_zero_invoice_is_issued_only_if_its_seller_allows_it(customer: Customer):
    drafts = [
        draft_invoice(customer=customer, request=OneOffRequest(lines), at=JAN).pk for lines in ([], [FREE], [FREE])
    ]
    for draft, message in zip(drafts[:2], ("no lines", "invoices with a total of zero"), strict=True):
        with pytest.raises(OneOffInvoiceRefused, match=message):
            issue_draft(invoice_id=draft, at=FEB)
    customer.seller.zero_invoices = "issue"
    customer.seller.save()
    assert issue_draft(invoice_id=drafts[2], at=FEB).number == "INV-000001"


def test_an_issued_invoice_is_no_draft_and_a_locked_month_accepts_none(customer: Customer):
    issued, late = (draft_invoice(customer=customer, request=TWO_LINES, at=JAN).pk for _ in range(2))
    issue_draft(invoice_id=issued, at=JAN)
    for change in (
        lambda: edit_draft(invoice_id=issued, request=TWO_LINES, at=FEB),
        lambda: discard_draft(invoice_id=issued, at=FEB),
    ):
        with pytest.raises(OneOffInvoiceRefused, match="Only a draft"):
            change()
    lock_month(seller=customer.seller, month=date(2026, 1, 1), checklist=[], note="", at=FEB, by=None)
    with pytest.raises(OneOffInvoiceRefused, match="locked"):
        issue_draft(invoice_id=late, at=JAN + timedelta(days=20))
    assert Invoice.objects.get(pk=late).state == "draft"


@pytest.mark.parametrize("row", rows("invoices.md", "void"))
def test_an_invoice_is_voided_unless_some_of_it_is_paid(customer: Customer, row: dict[str, str]):
    draft = draft_invoice(
        customer=customer, request=OneOffRequest([replace(WORK, unit_price=D(8), quantity=D("2.5"))]), at=JAN
    )
    invoice = issue_draft(invoice_id=draft.pk, at=JAN)
    if credited := D(row["credited"]):
        requested_credits = [RequestedCredit(1, round(credited / D("1.19"), 2))]
        issue_credit_note(invoice_id=invoice.pk, lines=requested_credits, reason="x", to="offset", at=JAN)
    if paid := D(row["paid"]):
        record_payment(invoice_id=invoice.pk, amount=paid, method="manual", reference="bank", at=FEB)
    try:
        outcome = f"{void_invoice(invoice_id=invoice.pk, reason='Sent by mistake', at=FEB).total.amount:.2f}"
    except CreditRefused as refused:
        outcome = str(refused)
    invoice.refresh_from_db()
    assert (outcome, invoice.state) == (row["credit note or refusal"], row["state"]), row["why"]
    assert_invoices_clean()
