"""The overview begins with the invoice to pay: with a button, or else with the bank details."""

import pytest
from django.test import Client
from django.urls import reverse

from customers.models import Contact
from customers.portal.visit import COOKIE
from customers.portal_auth import sessions
from invoices.models import Invoice
from invoices.payments.manual_payments import record_payment
from tests.builders import make_customer, subscribe
from tests.portal.accounts import TODAY

pytestmark = pytest.mark.django_db


def due_of(page):
    return page.context["due"]


def test_an_unpaid_invoice_has_its_bank_details(own):
    seller = own.customer.seller
    seller.iban = "DE02120300000000202051"
    seller.save(update_fields=["iban"])
    page = own.client().get("/portal/")
    first = Invoice.objects.filter(customer=own.customer, state="issued").order_by("due_date", "pk").first()

    assert due_of(page)["pk"] == first.pk
    assert f"{reverse('portal_invoice', args=[first.pk])}#transfer" in page.content.decode()
    assert ">Pay $" not in page.content.decode(), "no provider takes it"


def test_it_is_paid_online_where_a_provider_takes_it(own, monkeypatch):
    monkeypatch.setattr("invoices.portal.payment.can_pay_online", lambda invoice: True)
    due = due_of(own.client().get("/portal/"))

    assert f">Pay {due['due']}</a>" in own.client().get("/portal/").content.decode()
    Contact.objects.filter(pk=own.colleague.pk).update(role="viewer")
    assert ">Pay $" not in own.client(contact=own.colleague).get("/portal/").content.decode()


def test_nothing_is_asked_when_nothing_is_due(own):
    for invoice in Invoice.objects.filter(customer=own.customer, state="issued").exclude(total=0):
        record_payment(
            invoice_id=invoice.pk, amount=invoice.due, method="manual", reference=f"p{invoice.pk}", at=TODAY
        )

    assert due_of(own.client().get("/portal/")) is None


def test_customers_without_usage_read_the_text_of_the_seller(own):
    seller = own.customer.seller
    seller.no_usage_text = "Read https://docs.example/start <b>first</b>."
    seller.save(update_fields=["no_usage_text"])
    customer = make_customer("new", legal_name="New Ltd", seller=seller)
    subscribe(customer, own.subscription.version)
    client = Client()
    client.cookies[COOKIE] = sessions.begin(customer=customer, contact=None, way="staff", at=TODAY)

    page = client.get("/portal/").content.decode()

    assert '<a href="https://docs.example/start" rel="nofollow">' in page
    assert "&lt;b&gt;first&lt;/b&gt;" in page
    assert "docs.example" not in own.client().get("/portal/").content.decode(), "there is usage"
