"""The signing secrets of webhooks: generated here, and shown once."""

import base64
import secrets

BYTES = 32
PREFIX = "whsec_"


def new_secret() -> str:
    """Return a secret in the format of Standard Webhooks: `whsec_` and 32 random bytes in base 64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()
