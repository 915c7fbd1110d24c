"""Guessing a password is slow from any one address, and hinders nobody else: docs/security.md#failed-sign-ins."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from access.models import SignInFailure
from access.sign_in import lock_out
from access.sign_in.lock_out import TooManyFailures
from tests.races import together

NOW = datetime(2026, 4, 7, 12, tzinfo=UTC)
PASSWORD = "calm-and-quick-7"
SIGN_IN = "/admin/account/sign-in/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return User.objects.create_user("ann", email="ann@tollbook.example", password=PASSWORD, is_staff=True)


def sign_in(password, *, address="203.0.113.9", name="ann", client=None):
    client = client or Client()
    return client.post(SIGN_IN, {"login": name, "password": password}, REMOTE_ADDR=address)


def fail(at, *, address="203.0.113.9", name="ann"):
    lock_out.count_try(name=name, address=address, at=at)


def test_thirty_tries_take_hours(ann):
    at = NOW
    for _ in range(30):
        with suppress(TooManyFailures):
            fail(at)
            continue
        at = SignInFailure.objects.get().blocked_until
        fail(at)

    assert at - NOW == timedelta(minutes=1 + 2 + 4 + 8 + 21 * 15)


def test_after_five_failures_the_right_password_is_refused_for_a_minute(ann):
    with time_machine.travel(NOW, tick=False):
        assert [sign_in("wrong").status_code for _ in range(5)] == [200] * 5
        refused = sign_in(PASSWORD)
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert "Wait a minute" in refused.text

    with time_machine.travel(NOW + timedelta(seconds=60), tick=False):
        assert sign_in(PASSWORD)["Location"] == "/admin/"
        assert not SignInFailure.objects.exists()


def test_a_colleague_at_another_address_still_gets_in(ann):
    with time_machine.travel(NOW, tick=False):
        for _ in range(9):
            sign_in("wrong")

        assert sign_in(PASSWORD, address="198.51.100.7").status_code == 302


def test_another_account_is_not_delayed(ann):
    User.objects.create_user("bob", password=PASSWORD, is_staff=True)
    with time_machine.travel(NOW, tick=False):
        for _ in range(9):
            sign_in("wrong")

        assert sign_in(PASSWORD, name="bob").status_code == 302


def test_an_unknown_name_is_delayed_like_a_known_one(ann):
    with time_machine.travel(NOW, tick=False):
        answers = [sign_in("wrong", name=name) for name in ("ann", "nobody") for _ in range(7)]

    assert [answer.status_code for answer in answers[:7]] == [answer.status_code for answer in answers[7:]]
    texts = [answer.text.replace("nobody", "ann") for answer in (answers[6], answers[13])]
    assert texts[0] == texts[1]


def test_failures_are_forgotten_after_a_day():
    for _ in range(5):
        fail(NOW)
    later = NOW + timedelta(days=1, seconds=1)

    fail(later)

    assert SignInFailure.objects.get().failures == 1
    assert lock_out.delete_old_failures(at=later + timedelta(days=1)) == 0
    assert lock_out.delete_old_failures(at=later + timedelta(days=1, seconds=1)) == 1


def test_an_account_under_attack_demands_a_mailed_code(ann):
    """The attacker comes from everywhere, so no address waits long; nobody is locked out either."""
    for number in range(5):
        for _ in range(4):
            fail(NOW, address=f"198.51.100.{number}")

    client = Client()
    with time_machine.travel(NOW, tick=False):
        response = sign_in(PASSWORD, client=client)
        assert response["Location"].startswith("/admin/account/sign-in/code/")
        assert client.get("/admin/")["Location"].startswith("/admin/login/")
        (message,) = mail.outbox
        (code,) = re.findall(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", message.body, re.MULTILINE)
        entered = client.post("/admin/account/sign-in/code/", {"code": code, "action": "verify"})
    assert (message.to, entered.status_code) == (["ann@tollbook.example"], 302)
    with time_machine.travel(NOW, tick=False):
        assert client.get("/admin/").status_code == 200


def test_nineteen_failures_are_no_attack(ann):
    for number in range(19):
        fail(NOW, address=f"198.51.100.{number}")

    with time_machine.travel(NOW, tick=False):
        assert sign_in(PASSWORD)["Location"] == "/admin/"


def test_an_address_has_a_rate_as_well(ann, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign-in": "3/60s"}

    answers = [sign_in("wrong", name=f"user{number}") for number in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert (answers[3]["Retry-After"], answers[3]["RateLimit-Policy"]) == ("20", '"sign-in";q=3;w=60')


@pytest.mark.django_db(transaction=True)
def test_of_twenty_tries_at_once_five_see_the_password():
    def guess():
        try:
            fail(NOW)
        except TooManyFailures:
            return False
        return True

    admitted = together(*[guess] * 20)

    assert sum(admitted) == 5
