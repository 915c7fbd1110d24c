"""
Messages that Tollbook sends, verified before they are read.

Source: Standard Webhooks 1.0; docs/webhooks.md of Tollbook says what is sent.
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
    """The message is not Tollbook's, or not of now: answer 400 and do nothing."""


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """
    What happened.

    id: the same every time it comes; handle it once. type: such as `invoice.issued`. data: to whom, and what.
    """

    id: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any]

    @property
    def customer(self) -> str | None:
        """Return your id of the customer; None where it is about none."""
        found = self.data.get("customer")
        return None if found is None else str(found)


def verify(
    body: bytes, headers: Mapping[str, str], secret: str | Sequence[str], *, now: float | None = None
) -> WebhookMessage:
    """
    Return the message of a request, if it is one.

    body: as it came, to the byte. headers: of the request, in any case. secret: `whsec_…`, or several while one is
    being changed. now: seconds since 1970; the clock's by default.

    :raises BadSignature: if no signature fits, or it was sent more than five minutes ago or hence.
    """
    told = {name.lower(): value for name, value in headers.items()}
    try:
        name, sent, signatures = (told[f"webhook-{one}"] for one in ("id", "timestamp", "signature"))
        moment = int(sent)
    except (KeyError, ValueError) as error:
        raise BadSignature("The headers webhook-id, webhook-timestamp and webhook-signature are missing.") from error
    if abs((time.time() if now is None else now) - moment) > TOLERANCE_SECONDS:
        raise BadSignature("The message was sent too long ago, or this clock is wrong.")
    secrets = [secret] if isinstance(secret, str) else secret
    wanted = [_signature(one, f"{name}.{moment}.".encode() + body) for one in secrets]
    got = [one[3:].encode() for one in signatures.split() if one.startswith("v1,")]
    if not any(hmac.compare_digest(one, other) for one in wanted for other in got):
        raise BadSignature("No signature fits the message.")
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
