"""Some time after the sign-in, sensitive acts ask again who it is: docs/security.md#sensitive-acts."""

import time
from datetime import timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from access.sign_in.step_up import CONFIRMATIONS, SENSITIVE_FORMS, SENSITIVE_POSTS
from customers.models import ApiKey
from tests.sign_in.view_names import view_names

PASSWORD = "calm-and-quick-7"
ADD_KEY = "/admin/customers/apikey/add/"
KEY = {"name": "shop", "scopes": ["ingest"]}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _minutes(settings):
    settings.STEP_UP_SECONDS = 15 * 60


@pytest.fixture
def root():
    User.objects.create_superuser("root", "root@tollbook.example", PASSWORD)
    client = Client()
    client.post("/admin/account/sign-in/", {"login": "root", "password": PASSWORD})
    return client


def later(minutes):
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False)


def test_a_fresh_sign_in_is_enough(root):
    assert root.get(ADD_KEY).status_code == 200
    assert root.post(ADD_KEY, KEY).status_code == 200
    assert ApiKey.objects.count() == 1


def test_an_older_one_is_confirmed_first(root):
    with later(minutes=16):
        for response in (root.get(ADD_KEY), root.post(ADD_KEY, KEY)):
            assert response["Location"].startswith("/admin/account/confirm/password/?next=")
        assert not ApiKey.objects.exists()

        wrong = root.post(f"/admin/account/confirm/password/?next={ADD_KEY}", {"password": "wrong"})
        assert wrong.status_code == 200
        assert root.get(ADD_KEY).status_code == 302
        confirmed = root.post(f"/admin/account/confirm/password/?next={ADD_KEY}", {"password": PASSWORD})
        assert confirmed["Location"] == ADD_KEY
        root.post(ADD_KEY, KEY)
    assert ApiKey.objects.count() == 1


def test_pages_that_only_show_rows_do_not_ask(root):
    user = User.objects.get()
    with later(minutes=16):
        assert root.get("/admin/customers/apikey/").status_code == 200
        assert root.get(f"/admin/auth/user/{user.pk}/change/").status_code == 200
        assert root.post(f"/admin/auth/user/{user.pk}/change/", {}).status_code == 302


def test_another_persons_session_is_ended_only_after_a_confirmation(root):
    with later(minutes=16):
        response = root.post("/admin/account/sessions/")

    assert response["Location"].startswith("/admin/account/confirm/password/")


@pytest.mark.parametrize("path", ["app/add/", "passkeys/add/", "recovery-codes/new/"])
def test_a_second_factor_is_changed_only_after_a_confirmation(root, path):
    with later(minutes=16):
        response = root.get(f"/admin/account/second-factor/{path}")

    assert response["Location"].startswith("/admin/account/confirm/password/")


def test_a_confirmed_session_has_a_new_key_and_stays_listed(root):
    former_key = root.session.session_key
    assert UserSession.objects.get().session_key == former_key

    root.post(f"/admin/account/confirm/password/?next={ADD_KEY}", {"password": PASSWORD})

    assert root.session.session_key != former_key
    assert UserSession.objects.get().session_key == root.session.session_key
    copied = Client()
    copied.cookies["sessionid"] = former_key
    assert copied.get("/admin/").status_code == 302


def test_a_wrong_password_confirms_nothing(root):
    former_key = root.session.session_key
    before = time.time()

    root.post("/admin/account/confirm/password/", {"password": "wrong"})

    assert root.session.session_key == former_key
    assert root.session["account_authentication_methods"][-1]["at"] <= before


def test_each_named_view_exists():
    assert (SENSITIVE_FORMS | SENSITIVE_POSTS | CONFIRMATIONS) - view_names() == set()
