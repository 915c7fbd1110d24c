"""The product signs its users in to the portal by a link that works once."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from customers.models import Contact, PortalLink
from tests.api.calls import Caller, faults, problem
from tests.builders import make_customer


def enter(url: str) -> Client:
    client = Client()
    address = url.removeprefix("http://testserver")
    page = client.get(address).content.decode()
    number = page.partition('name="entrance" value="')[2].partition('"')[0]
    assert client.post(address, {"entrance": number}).status_code == 303
    return client


def test_a_link_has_the_rights_of_its_contact(live):
    acme = make_customer("acme")
    Contact.objects.create(customer=acme, email="bea@acme.example", role="billing")
    response = live.post("/customers/acme/portal-links", {"contact": "Bea@acme.example"}, Idempotency_Key="k")
    repeated = live.post("/customers/acme/portal-links", {"contact": "Bea@acme.example"}, Idempotency_Key="k")

    assert response.status_code == repeated.status_code == 201
    assert repeated.json()["url"] is None, "the secret is not kept"
    assert PortalLink.objects.get().expires_at - timezone.now() < timedelta(minutes=5)
    page = enter(response.json()["url"]).get("/portal/details").content.decode()
    assert "Billing" in page
    assert "Save details" in page


def test_a_link_without_a_contact_is_read_only(live):
    make_customer("acme")
    client = enter(live.post("/customers/acme/portal-links", {}).json()["url"])

    assert "You can view this account, but not change it" in client.get("/portal/").content.decode()
    assert client.post("/portal/people/add", {"email": "x@acme.example"}).status_code == 403


def test_links_for_other_customers_contacts_and_read_only_keys_are_refused(live, sandbox):
    make_customer("acme")
    other = make_customer("other")
    Contact.objects.create(customer=other, email="dan@other.example")

    assert faults(live.post("/customers/acme/portal-links", {"contact": "dan@other.example"})) == {
        "contact": "unknown"
    }
    problem(sandbox.post("/customers/acme/portal-links", {}), 404, "not-found")
    reader = Caller(scopes=["read"])
    problem(reader.post("/customers/acme/portal-links", {}), 403, "scope-missing")
