"""The key that encrypts what must be kept secret and yet be read again, where none is configured."""

import base64
from hashlib import sha256


def key_from(secret_key: str) -> str:
    """Return a key for Fernet, always the same for a secret key, which cannot be told from it."""
    return base64.urlsafe_b64encode(sha256(b"tollbook.encryption\0" + secret_key.encode()).digest()).decode()
