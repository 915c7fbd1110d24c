"""The tabs of the list of invoices: each with the number of its rows and the amounts due by currency."""

from decimal import Decimal

import pytest
from django.contrib.admin import site
from django.test import RequestFactory

from invoices.admin.list_tabs import invoice_tabs
from invoices.models import Invoice
from invoices.payments.manual_payments import record_payment
from tests.api.invoice_rows import make_invoice
from tests.builders import JAN, make_customer

LIST = "/admin/invoices/invoice/"


@pytest.fixture
def invoices(db):
    """Three open invoices of 17.85 each, the second past due, the third paid in part; one paid, and one draft."""
    rows = [make_invoice(make_customer(f"c{number}"), issue=number < 4) for number in range(5)]
    Invoice.objects.filter(pk=rows[1].pk).update(state="overdue")
    for invoice, amount in ((rows[2], "7.85"), (rows[3], "17.85")):
        record_payment(invoice_id=invoice.pk, amount=Decimal(amount), method="manual", reference="r", at=JAN)
    return rows


def tabs(client, query=""):
    return {str(tab.title): tab for tab in client.get(f"{LIST}{query}").context["invoice_tabs"]}


def test_each_has_its_number_and_amount_due(member, invoices):
    shown = {title: (tab.count, tab.amounts) for title, tab in tabs(member("finance")).items()}
    assert shown == {
        "All": ("", ""),
        "Draft": ("1", "€17.85"),
        "Open": ("3", "€45.70"),
        "Past due": ("1", "€17.85"),
        "Paid": ("", ""),
        "Uncollectible": ("", ""),
    }


def test_each_lists_the_rows_that_it_counts(member, invoices):
    client = member("finance")
    for title, tab in tabs(client).items():
        page = client.get(f"{LIST}{tab.query}")
        assert [str(shown.title) for shown in page.context["invoice_tabs"] if shown.is_current] == [title]
        assert not tab.count or tab.count == str(page.context["cl"].result_count)


def test_an_invoice_past_due_says_for_how_many_days(member, invoices):
    page = member("finance").get(f"{LIST}?state__exact=overdue").content.decode()
    assert "Days past due" in page
    assert "Amount due" in page
    row = site._registry[Invoice].days_past_due(Invoice.objects.get(pk=invoices[1].pk))
    assert int(row) > 0
    assert site._registry[Invoice].days_past_due(Invoice.objects.get(pk=invoices[3].pk)) == ""


def test_sandbox_invoices_are_counted_in_the_sandbox_only(member, invoices):
    make_invoice(make_customer("sandbox-co", sandbox=True))
    client = member("finance")
    assert tabs(client)["Open"].count == "3"
    client.post("/admin/switch/", {"rows": "sandbox"})
    assert tabs(client)["Open"].count == "1"


def test_one_query_counts_all(invoices, django_assert_num_queries):
    with django_assert_num_queries(1):
        invoice_tabs(RequestFactory().get(LIST), Invoice.objects.all())
