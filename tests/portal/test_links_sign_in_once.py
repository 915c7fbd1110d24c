"""
A portal link signs in once, within minutes; requesting a link never reveals whether an address belongs to a customer.
"""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.models import Contact, PortalLink, PortalSession
from customers.models.portal_access import PortalAccessWay
from customers.portal.visit import COOKIE
from customers.portal_auth import magic_links, sessions
from customers.portal_auth.link_email import mail_due
from customers.portal_auth.retention import delete_old_access_records
from tests.builders import make_customer
from tests.portal.accounts import TODAY
from tests.rate_limits import let_time_pass

pytestmark = pytest.mark.django_db
BEA = "bea@acme.example"


@pytest.fixture
def acme():
    customer = make_customer("acme", legal_name="Acme Ltd")
    Contact.objects.create(customer=customer, email="Bea@Acme.example")
    return customer


def request_link(client: Client, email: str, **extra):
    return client.post("/portal/sign-in", {"email": email}, **extra)


def mailed_link() -> str:
    """Return the path of the link in the latest mail."""
    return re.search(r"https?://[^/\s]+(/portal/enter/\S+)", mail.outbox[-1].body)[1]


def choose(client: Client, link: str) -> str:
    """Return the first choice on a link's page."""
    return re.search(r'name="entrance" value="(\d+)"', client.get(link).content.decode())[1]


def signed_in(client: Client) -> bool:
    return client.get("/portal/details").status_code == 200


def test_a_mailed_link_signs_in_after_confirmation(acme, client):
    request_link(client, f" {BEA.upper()} ")
    assert mail_due(at=TODAY) == 1
    assert mail.outbox[0].to == ["Bea@Acme.example"]
    link = mailed_link()

    for _ in range(3):  # as a mail scanner does
        assert client.get(link).status_code == client.head(link).status_code == 200
    assert not signed_in(client)
    answer = client.post(link, {"entrance": choose(client, link)})

    assert (answer.status_code, answer["Location"]) == (303, "/portal/")
    assert signed_in(client)
    cookie = answer.cookies[COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/", True, "Lax")
    assert PortalSession.objects.get().secret_sha256 != cookie.value


def test_a_link_works_once(acme, client):
    request_link(client, BEA)
    mail_due(at=TODAY)
    link = mailed_link()
    chosen = choose(client, link)
    assert client.post(link, {"entrance": chosen}).status_code == 303

    second_client = Client()
    assert second_client.post(link, {"entrance": chosen}).status_code == 404
    assert second_client.get(link).status_code == 404
    assert not signed_in(second_client)


def test_a_link_expires_after_minutes(acme, client):
    request_link(client, BEA)
    mail_due(at=TODAY)
    link = mailed_link()
    chosen = choose(client, link)
    with time_machine.travel(TODAY + magic_links.MAILED_LINK_LIFETIME, tick=False):
        assert client.post(link, {"entrance": chosen}).status_code == 404
    assert not signed_in(client)


def test_a_link_signs_in_only_its_contact(acme, client):
    other = make_customer("other")
    stranger = Contact.objects.create(customer=other, email="dan@other.example")
    _, secret = magic_links.create_link(
        customer=acme, contact=acme.contacts.get(), way=PortalAccessWay.PRODUCT, at=TODAY
    )

    assert client.post(f"/portal/enter/{secret}", {"entrance": stranger.pk}).status_code == 404
    assert client.post(f"/portal/enter/{secret}", {"entrance": "x"}).status_code == 404
    assert client.post(f"/portal/enter/{secret}x", {"entrance": acme.contacts.get().pk}).status_code == 404
    assert not PortalSession.objects.exists()


def test_a_contact_of_several_customers_chooses_one(acme, client):
    tried = make_customer("tried", legal_name="Tried Ltd", sandbox=True)
    second = Contact.objects.create(customer=tried, email=BEA)
    request_link(client, BEA)
    mail_due(at=TODAY)
    link = mailed_link()
    page = client.get(link).content.decode()

    assert "Acme Ltd" in page
    assert "Tried Ltd" in page
    client.post(link, {"entrance": second.pk})
    page_text = client.get("/portal/details").content.decode()
    assert "Tried Ltd" in page_text
    assert "test account" in page_text


def test_a_request_does_not_reveal_whether_an_address_is_known(acme):
    def observed_response(email: str):
        let_time_pass(0)  # a process without leases
        with CaptureQueriesContext(connection) as captured:
            answer = request_link(Client(), email)
        return answer.status_code, answer["Location"], answer.content, len(captured)

    assert observed_response(BEA) == observed_response("nobody@nowhere.example")
    assert mail_due(at=TODAY) == 1
    assert PortalLink.objects.filter(emailed_at__isnull=True).count() == 0


def test_mails_to_one_mailbox_are_limited_without_a_visible_difference(acme, client):
    answers = {request_link(client, BEA)["Location"] for _ in range(5 + 3)}
    mail_due(at=TODAY)

    assert answers == {"/portal/sign-in/mailed"}
    assert len(mail.outbox) == 5


def test_requests_from_one_ip_address_are_limited(client):
    for number in range(20):
        assert request_link(client, f"{number}@a.example", REMOTE_ADDR="192.0.2.1").status_code == 303

    refused = request_link(client, "more@a.example", REMOTE_ADDR="192.0.2.1")
    assert (refused.status_code, refused["Retry-After"]) == (429, "180")
    assert request_link(client, "more@a.example", REMOTE_ADDR="192.0.2.2").status_code == 303
    let_time_pass(180)
    assert request_link(client, "more@a.example", REMOTE_ADDR="192.0.2.1").status_code == 303


def test_a_mail_that_fails_is_retried(acme, client, monkeypatch):
    request_link(client, BEA)
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", lambda *_: (_ for _ in ()).throw(OSError("no server")))
        with pytest.raises(OSError, match="no server"):
            mail_due(at=TODAY)
    assert PortalLink.objects.get().secret_sha256 is None

    assert mail_due(at=TODAY) == 1
    assert client.get(mailed_link()).status_code == 200


def test_signing_out_ends_the_session_on_the_server(acme):
    secret = sessions.begin(customer=acme, contact=acme.contacts.get(), way=PortalAccessWay.MAIL, at=TODAY)
    first, copied = Client(), Client()
    first.cookies[COOKIE] = copied.cookies[COOKIE] = secret
    assert signed_in(first)

    first.post("/portal/sign-out")

    assert not signed_in(copied)


ENDS = {
    "an hour without a page": lambda contact: timedelta(hours=1),
    "the contact was removed": lambda contact: contact.delete() and timedelta(0),
    "the contact has another mailbox": lambda contact: (
        Contact.objects.filter(pk=contact.pk).update(email="new@acme.example") and timedelta(0)
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_session_ends(acme, client, end):
    contact = acme.contacts.get()
    client.cookies[COOKIE] = sessions.begin(customer=acme, contact=contact, way=PortalAccessWay.MAIL, at=TODAY)
    assert signed_in(client)
    with time_machine.travel(TODAY + end(contact), tick=False):
        assert not signed_in(client)


def test_a_session_lasts_twelve_hours_at_most(acme, client):
    client.cookies[COOKIE] = sessions.begin(customer=acme, contact=None, way=PortalAccessWay.PRODUCT, at=TODAY)
    for half_hours in range(24):
        with time_machine.travel(TODAY + timedelta(minutes=30 * half_hours), tick=False):
            assert signed_in(client)
    with time_machine.travel(TODAY + timedelta(hours=12), tick=False):
        assert not signed_in(client)


def test_staff_and_portal_sessions_are_separate(acme, client, admin_user):
    staff = Client()
    staff.force_login(admin_user)
    assert not signed_in(staff)

    client.cookies[COOKIE] = sessions.begin(
        customer=acme, contact=acme.contacts.get(), way=PortalAccessWay.MAIL, at=TODAY
    )
    assert signed_in(client)
    assert client.get("/admin/").status_code == 302


def test_forms_from_another_origin_are_refused(acme):
    client = Client(enforce_csrf_checks=True)
    client.cookies[COOKIE] = sessions.begin(
        customer=acme, contact=acme.contacts.get(), way=PortalAccessWay.MAIL, at=TODAY
    )

    assert client.post("/portal/details", {"legal_name": "Evil"}).status_code == 403


def test_each_page_offers_to_sign_out_of_the_portal(acme, client):
    client.cookies[COOKIE] = sessions.begin(
        customer=acme, contact=acme.contacts.get(), way=PortalAccessWay.MAIL, at=TODAY
    )

    for path in ("/portal/", "/portal/details", "/portal/invoices"):
        assert 'action="/portal/sign-out"' in client.get(path).content.decode(), path


def test_old_access_records_are_deleted(acme, client):
    request_link(client, "nobody@nowhere.example")
    magic_links.create_link(customer=acme, way=PortalAccessWay.STAFF, at=TODAY)
    sessions.begin(customer=acme, contact=None, way=PortalAccessWay.STAFF, at=TODAY)

    assert delete_old_access_records(at=TODAY + timedelta(days=1)) == 0
    assert delete_old_access_records(at=TODAY + timedelta(days=1, seconds=1)) == 1
    assert delete_old_access_records(at=TODAY + timedelta(days=91)) == 2
