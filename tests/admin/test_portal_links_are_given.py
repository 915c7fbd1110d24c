"""Support mails a customer's contact a portal link, or opens a read-only link itself."""

import re

from django.core import mail
from django.test import Client
from django.utils import timezone

from customers.models import Contact, PortalLink
from customers.portal_auth.link_email import mail_due
from tests.builders import make_customer


def test_a_link_is_mailed_to_the_contact_and_not_shown(member):
    customer = make_customer("acme")
    contact = Contact.objects.create(customer=customer, email="bea@acme.example")
    client = member("support")
    address = re.search(r'href="([^"]*portal.link[^"]*)"', _page(client, customer))[1]

    answer = client.post(address, {"to": str(contact.pk)}, follow=True)

    assert "A link is being sent to bea@acme.example" in answer.content.decode()
    assert "/portal/enter/" not in answer.content.decode()
    assert mail_due(at=timezone.now()) == 1
    assert mail.outbox[0].to == ["bea@acme.example"]


def test_a_shown_link_is_read_only_and_records_its_author(member):
    customer = make_customer("acme")
    client = member("support")
    address = re.search(r'href="([^"]*portal.link[^"]*)"', _page(client, customer))[1]

    answer = client.post(address, {"to": "look"})
    link = re.search(r"http://testserver(/portal/enter/[\w-]+)", answer.content.decode())[1]

    assert "no-store" in answer["Cache-Control"]
    assert PortalLink.objects.get().by == answer.wsgi_request.user
    visitor = Client()
    visitor.post(link, {"entrance": "0"})
    assert "Nothing can be changed" in visitor.get("/portal/").content.decode()
    assert visitor.post("/portal/people/add", {"email": "x@acme.example"}).status_code == 403


def test_engineers_can_not_create_links(member):
    customer = make_customer("acme")

    assert "portal_link" not in _page(member("engineer"), customer)


def _page(client: Client, customer) -> str:
    return client.get(f"/admin/customers/customer/{customer.pk}/change/").content.decode()
