"""The default encryption key for stored secrets, if none is configured."""

import base64
from hashlib import sha256


def key_from(secret_key: str) -> str:
    """Return a Fernet key derived from a secret key. It is always the same and does not reveal the secret key."""
    return base64.urlsafe_b64encode(sha256(b"tollbook.encryption\0" + secret_key.encode()).digest()).decode()
