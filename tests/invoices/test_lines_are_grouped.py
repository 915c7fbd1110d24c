"""Lines of a draft are grouped under a name with a subtotal, which changes no amount."""

from datetime import date
from decimal import Decimal as D

import pytest

from invoices.models import Invoice
from invoices.one_off_invoices import (
    OneOffInvoiceRefused,
    OneOffLine,
    OneOffRequest,
    draft_invoice,
    edit_draft,
    issue_draft,
    request_from_draft,
)
from invoices.rendering.einvoice.syntaxes import to_xml
from invoices.rendering.facts_reader import read_invoice_facts
from invoices.rendering.page_content import compose
from invoices.rendering.renderer import render_one
from tests.builders import FEB, make_customer, make_seller, make_tax

pytestmark = pytest.mark.django_db
DAY = date(2026, 2, 1)


def line(description, price, group=""):
    return OneOffLine(description, D(price), DAY, DAY, group=group)


LINES = [
    line("Audit", "10.00", "PO 7"),
    line("Travel", "5.55"),
    line("Report", "0.45", "PO 7"),
    line("Setup", "2", "X"),
]


@pytest.fixture
def customer():
    customer = make_customer(
        "acme",
        seller=make_seller(country="DE", company_number="HRB 1", tax_number="DE123456788"),
        country="DE",
        currency="EUR",
    )
    make_tax(19, seller=customer.seller, country="DE")
    return customer


def draft(customer, lines=LINES):
    return draft_invoice(customer=customer, request=OneOffRequest(lines=lines), at=FEB)


def shown(invoice):
    document = compose(read_invoice_facts(invoice))
    return [(text.heading, text.description, text.group_total) for text in document.lines]


def test_lines_of_a_group_stand_together_with_their_subtotal(customer):
    assert shown(draft(customer)) == [
        ("", "Travel", ""),
        ("PO 7", "Audit", ""),
        ("", "Report", "€10.45"),
        ("X", "Setup", "€2.00"),
    ]


def test_a_group_changes_no_amount(customer):
    grouped = draft(customer)
    plain = draft(customer, [OneOffLine(row.description, row.unit_price, DAY, DAY) for row in LINES])
    assert (grouped.net, grouped.tax, grouped.total) == (plain.net, plain.tax, plain.total)


def test_groups_are_kept_by_edits_and_issued(customer):
    invoice = draft(customer)
    request = request_from_draft(invoice)
    assert [row.group for row in request.lines] == ["", "PO 7", "PO 7", "X"]
    edit_draft(
        invoice_id=invoice.pk, request=OneOffRequest(lines=[*request.lines, line("More", "1", "PO 7")]), at=FEB
    )
    issued = issue_draft(invoice_id=invoice.pk, at=FEB)
    assert [description for _heading, description, _total in shown(issued)] == [
        "Travel",
        "Audit",
        "Report",
        "More",
        "Setup",
    ]
    assert bytes(render_one(invoice_id=issued.pk, at=FEB).content or b"").startswith(b"%PDF-")


def test_an_e_invoice_has_the_group_as_a_note_of_the_line(customer):
    issued = issue_draft(invoice_id=draft(customer).pk, at=FEB)
    xml = to_xml(Invoice.objects.get(pk=issued.pk), syntax="ubl").decode()
    assert xml.count("PO 7") == 2


def test_a_long_name_is_refused(customer):
    with pytest.raises(OneOffInvoiceRefused, match="shorter name"):
        draft(customer, [line("Audit", "1", "x" * 81)])
