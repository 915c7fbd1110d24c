"""Stored secrets, encrypted with TOLLBOOK_ENCRYPTION_KEYS: a copy of the database reveals none."""

import base64
import binascii

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SecretUnreadable(RuntimeError):
    """A secret was encrypted with a key that is no longer in settings.ENCRYPTION_KEYS."""


def encrypt(secret: str) -> str:
    """Return a secret encrypted for storage."""
    return _keys().encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """
    Return a stored secret in the clear.

    :raises SecretUnreadable: if none of our keys decrypts it.
    """
    try:
        base64.b64decode(stored, altchars=b"-_", validate=True)  # Fernet would ignore characters after the padding
        return _keys().decrypt(stored.encode()).decode()
    except (InvalidToken, binascii.Error) as error:
        raise SecretUnreadable(
            "No key in TOLLBOOK_ENCRYPTION_KEYS decrypts this secret; add the previous key again."
        ) from error


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])
