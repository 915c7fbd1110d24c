"""Passwords are long and not easily guessed; there are no other rules: docs/security.md#passwords."""

import os
import re
import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.test import Client
from django.utils import timezone

from config.paths import PROJECT

PASSWORD = "calm-and-quick-7"

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return User.objects.create_user("ann", "ann@tollbook.example", PASSWORD, is_staff=True)


@pytest.fixture
def client(ann):
    client = Client()
    client.post("/admin/account/sign-in/", {"login": "ann", "password": PASSWORD})
    return client


def change(client, password, *, current=PASSWORD):
    form = {"oldpassword": current, "password1": password, "password2": password}
    return client.post("/admin/account/password/", form)


CASES = [
    # password                       accepted  why
    ("seven-7", False, "seven characters"),
    ("zq7kfw2m", True, "eight of them"),
    ("password123", False, "in the list of breached passwords"),
    ("iloveyou1", False, "also in it"),
    ("ann@tollbook", False, "the own mailbox"),
    ("Tollbook-2026", False, "little besides the product's name"),
    ("Tollbook-meadow-9", True, "enough besides it"),
    ("tollbookbilling", False, "own words only"),
    ("7302918465520", True, "digits are enough"),
    ("lowercaseletters", True, "so are small letters"),
    ("  spaces at both ends  ", True, "spaces count"),
    ("пароль из слов 東京", True, "so does any script"),
    ("x7" * 32, True, "64 characters"),
    ("long and long " * 14, True, "196 characters"),
]


@pytest.mark.parametrize(("password", "accepted", "why"), CASES)
def test_a_password_is_accepted(client, ann, password, accepted, why):
    change(client, password)

    ann.refresh_from_db()
    assert ann.check_password(password) is accepted, why


@pytest.mark.parametrize(
    "entered", ["  Spaced Words 9", "Spaced Words 9  ", "  spaced words 9  ", "  Spaced Words 9  x"]
)
def test_it_is_compared_as_it_was_entered(client, ann, entered):
    password = "  Spaced Words 9  "
    change(client, password)
    for candidate in (password, entered):
        visitor = Client()
        visitor.post("/admin/account/sign-in/", {"login": "ann", "password": candidate})
        assert (visitor.get("/admin/").status_code == 200) is (candidate == password)


def test_the_present_password_is_needed(client, ann):
    change(client, "fresh-and-long-9", current="wrong")

    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_a_password_does_not_expire(ann):
    visitor = Client()
    with time_machine.travel(timezone.now() + timedelta(days=5 * 365), tick=False):
        visitor.post("/admin/account/sign-in/", {"login": "ann", "password": PASSWORD})
        assert visitor.get("/admin/").status_code == 200


def test_the_list_has_thousands_that_are_long_enough():
    assert sum(len(password) >= 8 for password in CommonPasswordValidator().passwords) > 8_000


def test_fields_hide_the_password_and_allow_programs_to_fill_them_in(client):
    for page in (Client().get("/admin/account/sign-in/").text, client.get("/admin/account/password/").text):
        fields = re.findall(r"<input[^>]*password[^>]*>", page)
        assert fields
        assert all('type="password"' in field for field in fields)
        assert all('autocomplete="off"' not in field and "onpaste" not in field for field in fields)


def test_it_is_stored_by_a_slow_hash():
    """In a process of its own, since the tests hash quickly."""
    program = "import django; django.setup(); from django.contrib.auth.hashers import make_password as make; "
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", program + "print(make('calm-and-quick-7'))"]
    stored = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True).stdout
    algorithm, iterations, salt, _ = stored.split("$")

    assert (algorithm, int(iterations) >= 600_000, len(salt) >= 22) == ("pbkdf2_sha256", True, True)


def test_a_new_installation_has_no_users():
    assert not User.objects.exists()
