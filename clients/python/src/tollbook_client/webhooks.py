"""
Webhooks from Tollbook, verified before they are parsed.

Source: Standard Webhooks 1.0; docs/webhooks.md of Tollbook describes the payloads.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

TOLERANCE_SECONDS = 300


class BadSignature(ValueError):
    """The message is not from Tollbook, or not recent: answer 400 and do nothing."""


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """
    An announced event.

    id: the same for repeated deliveries; handle it once. type: such as `invoice.issued`. data: the customer and the
        facts.
    """

    id: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any]

    @property
    def customer(self) -> str | None:
        """Your id of the customer; None for an event without one."""
        customer_id = self.data.get("customer")
        return None if customer_id is None else str(customer_id)


def verify(
    body: bytes, headers: Mapping[str, str], secret: str | Sequence[str], *, now: float | None = None
) -> WebhookMessage:
    """
    Return the message of a request after verifying it.

    body: the unchanged bytes. headers: of the request, in any case. secret: `whsec_…`, or several during a rotation.
        now: seconds since 1970; the current time by default.

    :raises BadSignature: if no signature matches, or the timestamp is more than five minutes in the past or future.
    """
    lower_headers = {name.lower(): value for name, value in headers.items()}
    try:
        name, timestamp_text, signatures = (
            lower_headers[f"webhook-{header}"] for header in ("id", "timestamp", "signature")
        )
        timestamp = int(timestamp_text)
    except (KeyError, ValueError) as error:
        raise BadSignature("The headers webhook-id, webhook-timestamp and webhook-signature are missing.") from error
    if abs((time.time() if now is None else now) - timestamp) > TOLERANCE_SECONDS:
        raise BadSignature("The message is too old, or this computer's clock is wrong.")
    secrets = [secret] if isinstance(secret, str) else secret
    expected = [_signature(signing_secret, f"{name}.{timestamp}.".encode() + body) for signing_secret in secrets]
    received = [entry[3:].encode() for entry in signatures.split() if entry.startswith("v1,")]
    if not any(
        hmac.compare_digest(expected_signature, received_signature)
        for expected_signature in expected
        for received_signature in received
    ):
        raise BadSignature("No signature matches the message.")
    document = json.loads(body, parse_float=Decimal)
    return WebhookMessage(
        id=name,
        type=document["type"],
        timestamp=datetime.fromisoformat(document["timestamp"]),
        data=document["data"],
    )


def _signature(secret: str, signed: bytes) -> bytes:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
