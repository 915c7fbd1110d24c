"""A link lets in whoever holds it once, within minutes; asking for one tells nobody who is a customer."""

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
from tests.portal.world import TODAY

pytestmark = pytest.mark.django_db
BEA = "bea@acme.example"


@pytest.fixture
def acme():
    customer = make_customer("acme", legal_name="Acme Ltd")
    Contact.objects.create(customer=customer, email="Bea@Acme.example")
    return customer


def ask(client: Client, email: str, **extra):
    return client.post("/portal/sign-in", {"email": email}, **extra)


def mailed_link() -> str:
    """Return the path of the link in the latest mail."""
    return re.search(r"https?://[^/\s]+(/portal/enter/\S+)", mail.outbox[-1].body)[1]


def choose(client: Client, link: str) -> str:
    """Return the first choice that a link's page offers."""
    return re.search(r'name="entrance" value="(\d+)"', client.get(link).content.decode())[1]


def signed_in(client: Client) -> bool:
    return client.get("/portal/details").status_code == 200


def test_a_mailed_link_signs_in_when_somebody_says_so(acme, client):
    ask(client, f" {BEA.upper()} ")
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
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/portal/", True, "Lax")
    assert PortalSession.objects.get().secret_sha256 != cookie.value


def test_a_link_is_good_once(acme, client):
    ask(client, BEA)
    mail_due(at=TODAY)
    link = mailed_link()
    chosen = choose(client, link)
    assert client.post(link, {"entrance": chosen}).status_code == 303

    again = Client()
    assert again.post(link, {"entrance": chosen}).status_code == 404
    assert again.get(link).status_code == 404
    assert not signed_in(again)


def test_a_link_is_over_after_its_minutes(acme, client):
    ask(client, BEA)
    mail_due(at=TODAY)
    link = mailed_link()
    chosen = choose(client, link)
    with time_machine.travel(TODAY + magic_links.MAILED_LINK_LIFETIME, tick=False):
        assert client.post(link, {"entrance": chosen}).status_code == 404
    assert not signed_in(client)


def test_a_link_leads_only_where_it_was_made_for(acme, client):
    other = make_customer("other")
    stranger = Contact.objects.create(customer=other, email="dan@other.example")
    _, secret = magic_links.create_link(
        customer=acme, contact=acme.contacts.get(), way=PortalAccessWay.PRODUCT, at=TODAY
    )

    assert client.post(f"/portal/enter/{secret}", {"entrance": stranger.pk}).status_code == 404
    assert client.post(f"/portal/enter/{secret}", {"entrance": "x"}).status_code == 404
    assert client.post(f"/portal/enter/{secret}x", {"entrance": acme.contacts.get().pk}).status_code == 404
    assert not PortalSession.objects.exists()


def test_a_mailbox_of_several_customers_chooses(acme, client):
    tried = make_customer("tried", legal_name="Tried Ltd", sandbox=True)
    second = Contact.objects.create(customer=tried, email=BEA)
    ask(client, BEA)
    mail_due(at=TODAY)
    link = mailed_link()
    page = client.get(link).content.decode()

    assert "Acme Ltd" in page
    assert "Tried Ltd" in page
    client.post(link, {"entrance": second.pk})
    told = client.get("/portal/details").content.decode()
    assert "Tried Ltd" in told
    assert "test account" in told


def test_who_is_a_customer_is_not_told(acme):
    def asked(email: str):
        with CaptureQueriesContext(connection) as captured:
            answer = ask(Client(), email)
        return answer.status_code, answer["Location"], answer.content, len(captured)

    assert asked(BEA) == asked("nobody@nowhere.example")
    assert mail_due(at=TODAY) == 1
    assert PortalLink.objects.filter(told_at__isnull=True).count() == 0


def test_few_mails_go_to_one_mailbox_and_nobody_is_told(acme, client):
    answers = {ask(client, BEA)["Location"] for _ in range(magic_links.MOST_TO_ONE_MAILBOX + 3)}
    mail_due(at=TODAY)

    assert answers == {"/portal/sign-in/mailed"}
    assert len(mail.outbox) == magic_links.MOST_TO_ONE_MAILBOX


def test_one_address_asks_only_so_often(client):
    for number in range(magic_links.MOST_FROM_ONE_ADDRESS):
        assert ask(client, f"{number}@a.example", REMOTE_ADDR="192.0.2.1").status_code == 303

    refused = ask(client, "more@a.example", REMOTE_ADDR="192.0.2.1")
    assert (refused.status_code, refused["Retry-After"]) == (429, "3600")
    assert ask(client, "more@a.example", REMOTE_ADDR="192.0.2.2").status_code == 303
    with time_machine.travel(TODAY + timedelta(minutes=61), tick=False):
        assert ask(client, "more@a.example", REMOTE_ADDR="192.0.2.1").status_code == 303


def test_a_mail_that_cannot_be_sent_is_tried_again(acme, client, monkeypatch):
    ask(client, BEA)
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", lambda *_: (_ for _ in ()).throw(OSError("no server")))
        with pytest.raises(OSError, match="no server"):
            mail_due(at=TODAY)
    assert PortalLink.objects.get().secret_sha256 is None

    assert mail_due(at=TODAY) == 1
    assert client.get(mailed_link()).status_code == 200


def test_signing_out_ends_the_session_where_it_is_kept(acme):
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


def test_staff_and_customers_are_two_worlds(acme, client, admin_user):
    staff = Client()
    staff.force_login(admin_user)
    assert not signed_in(staff)

    client.cookies[COOKIE] = sessions.begin(
        customer=acme, contact=acme.contacts.get(), way=PortalAccessWay.MAIL, at=TODAY
    )
    assert signed_in(client)
    assert client.get("/admin/").status_code == 302


def test_forms_are_refused_from_elsewhere(acme):
    client = Client(enforce_csrf_checks=True)
    client.cookies[COOKIE] = sessions.begin(
        customer=acme, contact=acme.contacts.get(), way=PortalAccessWay.MAIL, at=TODAY
    )

    assert client.post("/portal/details", {"legal_name": "Evil"}).status_code == 403


def test_who_came_in_is_forgotten_in_time(acme, client):
    ask(client, "nobody@nowhere.example")
    magic_links.create_link(customer=acme, way=PortalAccessWay.STAFF, at=TODAY)
    sessions.begin(customer=acme, contact=None, way=PortalAccessWay.STAFF, at=TODAY)

    assert delete_old_access_records(at=TODAY + timedelta(days=1)) == 0
    assert delete_old_access_records(at=TODAY + timedelta(days=1, seconds=1)) == 1
    assert delete_old_access_records(at=TODAY + timedelta(days=91)) == 2
