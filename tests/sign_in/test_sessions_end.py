"""A session of staff ends by time, with the account, and with a changed password: docs/security.md#sign-in."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from access.models import AccountEvent
from access.sign_in import lock_out

NOW = datetime(2026, 4, 7, 6, tzinfo=UTC)
PASSWORD = "calm-and-quick-7"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return User.objects.create_user("ann", "ann@tollbook.example", PASSWORD, is_staff=True)


def sign_in(password=PASSWORD):
    client = Client()
    client.post("/admin/account/sign-in/", {"login": "ann", "password": password})
    return client


def is_signed_in(client):
    return client.get("/admin/").status_code == 200


def is_signed_in_at(client, at):
    with time_machine.travel(at, tick=False):
        return is_signed_in(client)


def test_an_hour_without_a_page_ends_it(ann):
    with time_machine.travel(NOW, tick=False):
        client = sign_in()
        assert is_signed_in(client)

    assert is_signed_in_at(client, NOW + 59 * MINUTE)
    assert is_signed_in_at(client, NOW + 118 * MINUTE)
    assert not is_signed_in_at(client, NOW + 178 * MINUTE)
    assert list(AccountEvent.objects.order_by("pk").values_list("kind", "way"))[1:] == [("signed_out", "time limit")]


def test_twelve_hours_end_it_however_busy_it_is(ann):
    with time_machine.travel(NOW, tick=False):
        client = sign_in()
        assert is_signed_in(client)
    for half_hours in range(1, 24):
        assert is_signed_in_at(client, NOW + half_hours * HOUR / 2)

    assert not is_signed_in_at(client, NOW + 12 * HOUR)


def test_not_every_page_writes(ann):
    with time_machine.travel(NOW, tick=False):
        client = sign_in()
        is_signed_in(client)
    stored = Session.objects.get().session_data

    assert is_signed_in_at(client, NOW + timedelta(seconds=59))
    assert Session.objects.get().session_data == stored
    assert is_signed_in_at(client, NOW + timedelta(seconds=60))
    assert Session.objects.get().session_data != stored


def test_a_sign_out_ends_it_on_the_server(ann):
    client, copied = sign_in(), Client()
    copied.cookies = client.cookies.copy()
    assert is_signed_in(copied)

    client.post("/admin/account/sign-out/")

    assert not is_signed_in(copied)


def test_a_disabled_account_is_signed_out_at_once(ann):
    client = sign_in()
    assert is_signed_in(client)

    User.objects.update(is_active=False)

    assert not is_signed_in(client)


def test_a_changed_password_ends_the_other_sessions(ann):
    first, second = sign_in(), sign_in()
    form = {"oldpassword": PASSWORD, "password1": "fresh-and-long-9", "password2": "fresh-and-long-9"}

    first.post("/admin/account/password/", form)

    assert is_signed_in(first)
    assert not is_signed_in(second)


def test_each_sign_in_has_a_session_key_of_its_own(ann):
    client = Client()
    client.get("/admin/account/sign-in/")
    session = client.session
    session["planted"] = "by an attacker"
    session.save()
    planted = client.session.session_key

    client.post("/admin/account/sign-in/", {"login": "ann", "password": PASSWORD})

    assert is_signed_in(client)
    assert client.session.session_key != planted
    assert not Session.objects.filter(session_key=planted).exists()
    assert len(client.session.session_key) == 32  # of 36 characters: 165 bits


def test_each_page_offers_to_sign_out(ann):
    client = sign_in()

    for path in ("/admin/", "/admin/account/second-factor/"):
        assert re.search(r"/admin/(account/sign-out|logout)/", client.get(path).text), path


def test_a_forgotten_password_is_replaced_without_skipping_the_second_factor(ann, settings):
    settings.SECOND_FACTOR_GROUPS = ["all"]
    Authenticator.objects.create(user=ann, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client = Client()
    client.post("/admin/account/password/forgotten/", {"email": "ann@tollbook.example"})
    (message,) = mail.outbox
    link = message.body.split("http://testserver")[1].split()[0]
    form_url = client.get(link)["Location"]
    client.post(form_url, {"password1": "fresh-and-long-9", "password2": "fresh-and-long-9"})

    assert not is_signed_in(client)
    client.post("/admin/account/sign-in/", {"login": "ann", "password": "fresh-and-long-9"})
    assert not is_signed_in(client)
    assert client.get("/admin/account/sign-in/second-factor/").status_code == 200


def test_a_forgotten_password_reveals_no_account(ann):
    answers = [
        Client().post("/admin/account/password/forgotten/", {"email": email})
        for email in ("ann@tollbook.example", "nobody@tollbook.example")
    ]

    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, "/admin/account/password/mailed/")
    ] * 2
    assert [message.to for message in mail.outbox] == [["ann@tollbook.example"]]


def test_a_password_link_expires(ann):
    with time_machine.travel(NOW, tick=False):
        Client().post("/admin/account/password/forgotten/", {"email": "ann@tollbook.example"})
    link = mail.outbox[0].body.split("http://testserver")[1].split()[0]

    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        assert "Location" in Client().get(link)
    with time_machine.travel(NOW + timedelta(days=3, seconds=1), tick=False):
        assert "Location" not in Client().get(link)


def test_a_mailed_code_is_guessed_three_times_at_most(ann):
    for number in range(20):
        lock_out.count_try(name="ann", address=f"198.51.100.{number}", at=NOW)
    with time_machine.travel(NOW, tick=False):
        client = sign_in()
        (code,) = re.findall(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", mail.outbox[0].body, re.MULTILINE)
        for _ in range(3):
            client.post("/admin/account/sign-in/code/", {"code": "AAAA-AAAA", "action": "verify"})
        client.post("/admin/account/sign-in/code/", {"code": code, "action": "verify"})

        assert not is_signed_in(client)


def test_a_person_ends_the_other_sessions(ann):
    first, second = sign_in(), sign_in()
    page = first.get("/admin/account/sessions/").text
    assert page.count("127.0.0.1") == 2

    first.post("/admin/account/sessions/")

    assert is_signed_in(first)
    assert not is_signed_in(second)


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_sign_in_leads_to_no_other_host(ann, address):
    form = {"login": "ann", "password": PASSWORD, "next": address}

    assert Client().post("/admin/account/sign-in/", form)["Location"] == "/admin/"
