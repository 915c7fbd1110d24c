"""An invoice for several subscriptions shows which lines belong to which one, in every format."""

import csv
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from billing.closing import close_due
from customers.api_keys.keys import issue
from customers.models.portal_access import PortalAccessWay
from customers.portal.visit import COOKIE
from customers.portal_auth import sessions
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice
from invoices.rendering import renderer
from invoices.rendering.einvoice.syntaxes import to_xml
from invoices.rendering.facts_reader import read_invoice_facts
from invoices.rendering.page_content import compose
from tests.builders import FEB, fee, make_customer, make_plan, make_seller, make_tax, publish, subscribe
from tests.invoices.rendering.pdf_reader import objects_of, text_of

pytestmark = pytest.mark.django_db

LINES = [("north", "31.00"), ("south", "10.00"), ("south", "5.00")]
"""The heading and the amount of each line."""


@pytest.fixture
def invoice() -> Invoice:
    make_seller(tax_number="DE136695976", country="DE", currency="EUR")
    make_tax("19")
    customer = make_customer("acme", one_document=True, currency="EUR", country="DE", tax_number="DE811907980")
    for name, amounts in (("south", ("10", "5")), ("north", ("31",))):
        labels = ("Base fee", "Support")
        fees = [
            fee(amount, label=label, billed="arrears", currency="EUR")
            for amount, label in zip(amounts, labels, strict=False)
        ]
        subscribe(customer, publish(make_plan(fees=fees, offers=[])), external_id=name, named=True)
    close_due(at=FEB + timedelta(hours=1))
    return Invoice.objects.get()


def test_in_the_api(invoice: Invoice, client: Client):
    _, secret = issue(name="Reader", scopes=["read"], sandbox=False, by=None, at=FEB)
    key = {"Authorization": f"Bearer {secret}"}
    payload = client.get(f"/api/v1/invoices/{invoice.pk}", headers=key).json()
    assert payload["sections"] == [
        {"subscription": "north", "first_line": 1, "last_line": 1},
        {"subscription": "south", "first_line": 2, "last_line": 3},
    ]
    assert [line["amount"]["amount"] for line in payload["lines"]] == [amount for _, amount in LINES]
    assert client.get("/api/v1/customers/acme", headers=key).json()["one_document"] is True


def test_in_the_portal(invoice: Invoice, client: Client):
    client.cookies[COOKIE] = sessions.begin(
        customer=invoice.customer, contact=None, way=PortalAccessWay.STAFF, at=timezone.now()
    )
    page = client.get(f"/portal/invoices/{invoice.pk}").content.decode()
    places = [page.index(text) for text in ("<h2>north</h2>", "€31.00<", "<h2>south</h2>", "€10.00<", "€5.00<")]
    assert places == sorted(places)
    assert (
        page.count('<ul class="invoice-lines">') == page.count("</ul>") - page.split("<main")[0].count("</ul>") == 2
    )
    table = b"".join(client.get(f"/portal/invoices/{invoice.pk}.csv").streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(table.splitlines()))
    assert [(row["subscription"], f"{float(row['amount']):.2f}") for row in rows] == LINES


def test_in_the_admin(invoice: Invoice, admin_client: Client):
    page = admin_client.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
    assert [page.count(f'<th scope="rowgroup" colspan="5">{name}</th>') for name in ("north", "south")] == [1, 1]
    form = admin_client.get(f"/admin/customers/customer/{invoice.customer_id}/change/?tab=settings").content.decode()
    assert "Consolidate subscriptions on one invoice" in form
    assert "are billed on one invoice" in form


def test_in_the_pdf_and_its_xml(invoice: Invoice):
    pdf = bytes(renderer.render_one(invoice_id=invoice.pk, at=timezone.now()).content)
    text = text_of(pdf)
    places = [text.index(heading) for heading in ("north", "€31.00", "south", "€10.00", "€5.00")]
    assert places == sorted(places)
    tags = [
        pdf_object["/S"]
        for pdf_object in objects_of(pdf)
        if isinstance(pdf_object, dict) and "/S" in pdf_object and "/K" in pdf_object
    ]
    assert tags.count("/H2") == 5, "seller, buyer, the lines, and a heading for each subscription"
    xml = to_xml(invoice, syntax="ubl").decode()
    assert (xml.count("<cbc:Note>north"), xml.count("<cbc:Note>south")) == (1, 2)


def test_in_a_credit_note(invoice: Invoice):
    note = issue_credit_note(
        invoice_id=invoice.pk,
        lines=[RequestedCredit(1), RequestedCredit(3)],
        reason="Gone",
        to="offset",
        at=timezone.now(),
    )
    assert [line.heading for line in compose(read_invoice_facts(note)).lines] == ["north", "south"]
