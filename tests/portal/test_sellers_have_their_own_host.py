"""On the host of a seller, the server is the portal of that seller: for its customers only, and nothing else."""

import re

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from customers.models import PortalLink, Seller
from customers.models.portal_access import PortalAccessWay
from customers.portal.visit import COOKIE
from customers.portal_auth import magic_links, sessions
from customers.portal_auth.link_email import mail_due
from tests.admin.test_invoices_are_branded import form
from tests.builders import make_seller
from tests.portal.accounts import TODAY, make_account

HOST = "billing.walnut.example"

pytestmark = pytest.mark.django_db


@pytest.fixture
def hosted(own):
    """A customer of a seller with a host of its own."""
    seller = own.customer.seller
    seller.portal_host = HOST
    seller.save(update_fields=["portal_host"])
    return own


@pytest.fixture
def elsewhere(db):
    """A customer of another seller."""
    seller = make_seller("other", legal_name="Other Seller Ltd")
    return make_account("zebra", seller=seller)


def client_of(account) -> Client:
    return account.client(headers={"host": HOST})


def test_a_seller_s_host_has_the_portal_and_nothing_else(hosted):
    client = client_of(hosted)

    assert client.get("/portal/").status_code == 200
    assert client.get("/")["Location"] == "/portal/"
    for path in (
        "/admin/",
        "/admin/login/",
        "/api/docs/",
        "/api/v1/customers",
        "/problems/not-found",
        "/invoices/x.pdf",
    ):
        response = client.get(path)
        assert response.status_code in (400, 404), path
        assert b"Tollbook" not in response.content
    missing = client.get("/admin/")
    assert "can’t find this page" in missing.content.decode()
    assert missing["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in missing["Content-Security-Policy"]


def test_unknown_hosts_are_refused(hosted):
    client = Client(headers={"host": "evil.example"})

    assert client.get("/portal/sign-in").status_code == 400
    assert Client(headers={"host": f"evil.{HOST}"}).get("/portal/sign-in").status_code == 400


def test_a_session_of_another_seller_is_refused(hosted, elsewhere):
    client = elsewhere.client()
    assert client.get("/portal/").status_code == 200

    cookie = client.cookies[COOKIE].value
    visitor = Client(headers={"host": HOST})
    visitor.cookies[COOKIE] = cookie
    response = visitor.get("/portal/")

    assert (response.status_code, response["Location"]) == (302, "/portal/sign-in")


def test_a_link_opens_only_accounts_of_the_seller(hosted, elsewhere):
    _, secret = magic_links.create_link(customer=elsewhere.customer, way=PortalAccessWay.STAFF, at=TODAY)
    visitor = Client(headers={"host": HOST})

    assert visitor.get(f"/portal/enter/{secret}").status_code == 404
    assert visitor.post(f"/portal/enter/{secret}", {"entrance": "0"}).status_code == 404
    assert Client().get(f"/portal/enter/{secret}").status_code == 200


def test_a_mailbox_of_two_sellers_sees_only_this_one(hosted, elsewhere):
    elsewhere.customer.contacts.create(email=hosted.contact.email, role="admin")
    visitor = Client(headers={"host": HOST})

    visitor.post("/portal/sign-in", {"email": hosted.contact.email})
    assert mail_due(at=TODAY) == 1

    [message] = mail.outbox
    assert "Other Seller" not in message.body
    [address] = re.findall(r"http\S+", message.body)
    assert address.startswith(f"http://{HOST}/portal/enter/")
    page = visitor.get(address.partition(HOST)[2]).content.decode()
    assert "Walnut Ltd" in page
    assert "Zebra Ltd" not in page


def test_links_lead_to_the_host_of_the_seller(hosted):
    Client().post("/portal/sign-in", {"email": hosted.contact.email})
    assert mail_due(at=TODAY) == 1

    assert f"https://{HOST}/portal/enter/" in mail.outbox[0].body
    assert PortalLink.objects.get().origin == "http://testserver"


def test_nobody_signs_in_who_is_a_contact_of_another_seller(hosted, elsewhere):
    visitor = Client(headers={"host": HOST})

    visitor.post("/portal/sign-in", {"email": elsewhere.contact.email})

    assert mail_due(at=TODAY) == 0
    assert mail.outbox == []


def test_forms_are_checked_against_this_host(hosted):
    client = client_of(hosted)
    secret = client.cookies[COOKIE].value
    strict = Client(enforce_csrf_checks=True, headers={"host": HOST})
    strict.cookies[COOKIE] = secret
    page = strict.get("/portal/details").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page).group(1)
    form = {"csrfmiddlewaretoken": token, "legal_name": "Walnut GmbH", "country": "DE", "locale": "de_DE"}

    refused = strict.post("/portal/details", form, headers={"origin": "http://evil.example"})
    accepted = strict.post("/portal/details", form, headers={"origin": f"http://{HOST}"})

    assert (refused.status_code, accepted.status_code) == (403, 303)


def test_the_host_names_no_other_program(hosted):
    page = Client(headers={"host": HOST}).get("/portal/sign-in").content.decode()

    assert hosted.customer.seller.legal_name in page
    assert "Tollbook" not in page
    assert "staff/" not in page


def test_a_session_of_the_host_is_found_by_one_query_more(hosted, django_assert_max_num_queries):
    client = client_of(hosted)
    with django_assert_max_num_queries(3):
        client.get("/portal/people")


BAD_HOSTS = [
    "localhost",
    "https://billing.example",
    "billing.example:8000",
    "Billing.example",
    "a..example",
    "10.0.0.1",
]


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_only_host_names_are_hosts(host, own):
    seller = own.customer.seller
    seller.portal_host = host
    with pytest.raises(ValidationError):
        seller.full_clean()
    with pytest.raises(IntegrityError, match="portal_host_is_a_host_name"), transaction.atomic():
        Seller.objects.filter(pk=seller.pk).update(portal_host=host)


def test_a_host_belongs_to_one_seller(hosted):
    make_seller("third")
    with pytest.raises(IntegrityError, match="portal_host_belongs_to_one_seller"), transaction.atomic():
        Seller.objects.filter(code="third").update(portal_host=HOST)


def test_the_server_s_own_host_is_no_seller_s(own, settings):
    settings.ALLOWED_HOSTS = ["tollbook.example"]
    Seller.objects.update(portal_host="tollbook.example")

    assert Client(headers={"host": "tollbook.example"}).get("/admin/login/").status_code != 404


def test_an_ended_session_stays_ended(hosted):
    client = client_of(hosted)
    sessions.end(client.cookies[COOKIE].value, at=TODAY)

    assert client.get("/portal/").status_code == 302


def test_finance_sets_the_domain_but_not_the_server_s_own(own, finance):
    page = f"/admin/customers/seller/{own.customer.seller.pk}/change/"

    refused = finance.post(page, form(own.customer.seller, portal_host="testserver"))
    saved = finance.post(page, form(own.customer.seller, portal_host=HOST))

    assert (refused.status_code, saved.status_code) == (200, 302)
    assert Seller.objects.get(pk=own.customer.seller.pk).portal_host == HOST
