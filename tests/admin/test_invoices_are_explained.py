"""The panel “Why $…?” on an invoice's page: its sentences, the bridge, and the email to the customer."""

import re

import pytest

from access.audit_log import seal_changes
from access.models import AuditEntry
from billing.closing import close_due
from customers.models import Contact, Notification
from invoices.models import Invoice
from tests.admin.test_query_counts_of_pages import queries_of
from tests.api.invoice_rows import make_invoice
from tests.builders import MAR, fee, make_customer, make_plan, publish, subscribe
from tests.invoices.explanation.monthly_invoices import make_monthly_invoices

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoices():
    return make_monthly_invoices(legal_name="Globex")


@pytest.fixture
def contact(invoices):
    return Contact.objects.create(customer=invoices.customer, name="Bea", email="bea@globex.example")


def address(invoice, action="change"):
    return f"/admin/invoices/invoice/{invoice.pk}/{action}/"


def page(client, invoice):
    return client.get(address(invoice)).content.decode().replace("\N{NO-BREAK SPACE}", " ")


def test_says_why_the_invoice_has_its_amount(member, invoices):
    text = page(member("support"), invoices.february)
    assert "Why $109.00?" in text
    assert (
        "$109.00 = Platform fee $99.00 + 1 extra seat $5.00 + 1.5 M tokens $3.00 + 200 extra requests $2.00." in text
    )
    assert "Copy text" in text


def test_draws_the_bridge_and_lists_it_as_a_table(member, invoices):
    text = page(member("support"), invoices.february)
    assert f'Bridge from <a href="{address(invoices.january)}">INV-000002</a>' in text
    label = re.search(r'role="img" aria-label="([^"]*INV-000003[^"]*)"', text)[1]
    assert label == (
        "From INV-000002, $102.70, to INV-000003, $109.00: 1 more seat: $5.00; 25% more tokens: $0.60; 16.3% more"
        " requests: $0.70."
    )
    titles = re.findall(r"<g><title>([^<]*)</title>", text)
    assert titles == [
        "INV-000002\n$102.70",
        "1 more seat\n+$5.00",
        "25% more tokens\n+$0.60",
        "16.3% more requests\n+$0.70",
        "INV-000003\n$109.00",
    ]
    assert "Show as table" in text
    table = re.findall(r"<tr><td>([^<]*)</td><td class=\"n\">([^<]*)</td><td class=\"n\">([^<]*)</td></tr>", text)
    assert table[:3] == [
        ("1 more seat", "$5.00", "$107.70"),
        ("25% more tokens", "$0.60", "$108.30"),
        ("16.3% more requests", "$0.70", "$109.00"),
    ]


def test_an_invoice_without_a_former_one_has_no_bridge(member, invoices):
    text = page(member("support"), invoices.opening)
    assert "Why $99.00?" in text
    assert "Bridge from" not in text


def test_an_empty_draft_has_no_panel(member):
    draft = make_invoice(make_customer(currency="EUR"), net="0", tax="0", issue=False)
    assert "Why €0.00?" not in page(member("finance"), draft)


def test_the_page_runs_as_many_queries_for_many_lines_as_for_few(member, invoices):
    customer = make_customer("many", seller=invoices.customer.seller)
    fees = [fee(number, label=f"Fee {number}", code=f"fee-{number}") for number in range(1, 30)]
    subscribe(customer, publish(make_plan("many", fees=fees)))
    close_due(at=MAR)
    few, many = invoices.february, Invoice.objects.filter(customer=customer).latest("pk")
    client = member("root")
    counts = [len(queries_of(client, address(invoice))) for invoice in (few, many) for _ in range(2)][1::2]
    assert many.lines.count() > 20
    assert counts[0] == counts[1]


def test_is_sent_after_a_confirmation(member, invoices, contact):
    client = member("support")
    shown = client.get(address(invoices.february, "send_explanation")).content.decode()
    assert "bea@globex.example" in shown
    assert "$109.00 = Platform fee $99.00" in shown
    assert not Notification.objects.filter(kind="invoice.explained").exists()

    client.post(address(invoices.february, "send_explanation"), {"_reason": "Asked by phone"})
    (notification,) = Notification.objects.filter(kind="invoice.explained")
    assert notification.customer == invoices.customer
    assert notification.facts == {
        "invoice": invoices.february.pk,
        "document": "invoice",
        "number": "INV-000003",
        "total": "109.00",
        "currency": "USD",
        "due_date": "2026-03-16",
    }


def test_the_audit_log_records_who_sent_it(member, invoices, contact):
    client = member("support")
    client.post(address(invoices.february, "send_explanation"))
    seal_changes(at=MAR)
    entry = AuditEntry.objects.get(source="invoices_invoiceevent", context__action="send explanation")
    assert (entry.object_id, entry.verb, entry.fields) == (str(invoices.february.pk), "update", [])
    assert entry.user_id == int(client.session["_auth_user_id"])


REFUSALS = [
    # case       text
    ("nobody", "has no contact who receives invoices"),
    ("sandbox", "Sandbox customers receive no email."),
    ("draft", "be sent. Issue it first."),
]


@pytest.mark.parametrize(("case", "text"), REFUSALS)
def test_a_mail_that_no_one_would_get_is_refused(member, case, text):
    customer = make_customer(currency="EUR", sandbox=case == "sandbox")
    if case != "nobody":
        Contact.objects.create(customer=customer, name="Bea", email="bea@globex.example")
    invoice = make_invoice(customer, issue=case != "draft")
    client = member("finance")
    shown = client.get(address(invoice, "send_explanation")).content.decode()
    assert text in shown
    assert text in client.post(address(invoice, "send_explanation")).content.decode()
    assert not Notification.objects.filter(kind="invoice.explained").exists()


def test_engineers_can_not_send_it(member, invoices, contact):
    client = member("engineer")
    assert client.post(address(invoices.february, "send_explanation")).status_code == 403
    assert "Send to customer" not in page(client, invoices.february)
    assert "Why $109.00?" in page(client, invoices.february)
