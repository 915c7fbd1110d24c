"""A written-off invoice is neither due nor past due, on any page, although it can still be paid."""

import re

import pytest
from django.utils import timezone

from invoices.documents.past_due import mark_overdue
from invoices.payments.write_offs import write_off
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_seller

AMOUNT = "€17.85"


@pytest.fixture
def invoice(db):
    customer = make_customer("acme", legal_name="Acme", currency="EUR", seller=make_seller(currency="EUR"))
    invoice = make_invoice(customer)
    mark_overdue(at=timezone.now())
    return invoice


def give_up(invoice):
    write_off(invoice_id=invoice.pk, reason="insolvent", at=timezone.now())


def figure(text, name):
    return re.findall(rf"<dt>{name}</dt><dd>(?:<a[^>]*>)?([^<]+)", text)


def test_the_customer_owes_nothing(member, invoice):
    client, address = member("finance"), f"/admin/customers/customer/{invoice.customer_id}/change/"
    assert figure(client.get(address).content.decode(), "Balance due") == [AMOUNT]
    give_up(invoice)
    text = client.get(address).content.decode()
    assert figure(text, "Balance due") == ["nothing"]
    assert figure(text, "Health") != ["Past due"]


def test_lists_count_it_as_uncollectible_alone(member, invoice):
    client = member("finance")
    assert AMOUNT in client.get("/admin/customers/customer/").content.decode()
    give_up(invoice)
    assert AMOUNT not in client.get("/admin/customers/customer/").content.decode()
    answer = client.get("/admin/invoices/invoice/")
    tabs = {str(tab.title): (tab.count, tab.amounts) for tab in answer.context["invoice_tabs"]}
    assert tabs["Open"] == tabs["Past due"] == ("0", "")
    assert answer.content.decode().count(AMOUNT) == 1, "its total, and no amount due"


def test_the_home_has_it_nowhere(member, invoice):
    give_up(invoice)
    text = member("finance").get("/admin/").content.decode()
    cards = dict(re.findall(r'<h2 id="card-\d"><span>(.*?)</span>.*?</h2>(.*?)</section>', text, re.DOTALL))
    assert AMOUNT not in cards["Open"]
    assert AMOUNT not in cards["Past due"]


def test_its_page_says_what_was_written_off_and_still_takes_payments(member, invoice):
    give_up(invoice)
    text = member("finance").get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
    assert f"{AMOUNT} written off" in text
    assert not figure(text, "Amount due")
    assert "Record payment" in text
