"""Keys of authenticator apps and recovery codes are random, stored encrypted, and valid for a short time."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.account import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    validate_totp_code,
)
from django.contrib.auth.models import User
from django.db import connection

from customers.portal_auth.magic_links import CREATED_LINK_LIFETIME, MAILED_LINK_LIFETIME
from lib.encryption import SecretUnreadable, decrypt, encrypt

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 4, 7, 12, tzinfo=UTC)


@pytest.fixture
def ann():
    return User.objects.create(username="ann")


def test_neither_keys_nor_codes_can_be_read(ann):
    secret = generate_totp_secret()
    TOTP.activate(ann, secret)
    codes = RecoveryCodes.activate(ann).generate_codes()

    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        stored = " ".join(row[0] for row in cursor.fetchall())
    assert not [text for text in (secret, *codes) if text in stored]
    encrypted = {
        *(authenticator.data.get("secret") or authenticator.data["seed"] for authenticator in authenticators(ann)),
    }
    assert {decrypt(text) for text in encrypted} > {secret}
    assert all(text.startswith("gAAAA") for text in encrypted)


def authenticators(user):
    return Authenticator.objects.filter(user=user)


def test_keys_and_codes_differ_and_are_long():
    secrets = {generate_totp_secret() for _ in range(20)}
    codes = [
        code
        for number in range(20)
        for code in RecoveryCodes.activate(User.objects.create(username=f"user{number}")).generate_codes()
    ]

    assert len(secrets) == 20
    assert min(map(len, secrets)) == 32  # of base 32: 160 bits
    assert len(codes) == 200
    assert len(set(codes)) >= 199
    assert min(map(len, codes)) >= 8


def test_a_code_of_an_app_is_of_its_half_minute():
    secret = generate_totp_secret()
    code = format_hotp_value(hotp_value(secret, int(NOW.timestamp()) // 30))

    for seconds, is_valid in ((0, True), (29, True), (30, False), (-1, False)):
        with time_machine.travel(NOW + timedelta(seconds=seconds), tick=False):
            assert validate_totp_code(secret, code) is is_valid, seconds


def test_mailed_codes_last_ten_minutes_at_most():
    assert max(MAILED_LINK_LIFETIME, CREATED_LINK_LIFETIME) <= timedelta(minutes=10)
    assert app_settings.LOGIN_BY_CODE_TIMEOUT <= 600


def test_a_changed_secret_is_refused():
    # Bytes, not characters: the last character of the text has bits that mean nothing.
    stored = urlsafe_b64decode(encrypt("a secret"))

    for place, byte in enumerate(stored):
        changed = stored[:place] + bytes([byte ^ 1]) + stored[place + 1 :]
        with pytest.raises(SecretUnreadable):
            decrypt(urlsafe_b64encode(changed).decode())
