"""The signing secrets of webhooks: generated here, shown once, stored encrypted."""

import base64
import binascii
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

BYTES = 32
PREFIX = "whsec_"


class SecretUnreadable(RuntimeError):
    """A secret was encrypted with a key that is no longer in settings.ENCRYPTION_KEYS."""


def new_secret() -> str:
    """Return a secret in the format of Standard Webhooks: `whsec_` and 32 random bytes in base 64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def seal(secret: str) -> str:
    """Return a secret encrypted for storage."""
    return _keys().encrypt(secret.encode()).decode()


def unseal(stored: str) -> str:
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
