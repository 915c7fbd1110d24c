"""Events as Stripe sends them: signed, to the product's address."""

import hashlib
import hmac
import json
import time
from typing import Any

from django.test import Client

from tests.stripe.server import EVENT_SECRET, Thing


def event(kind: str, thing: Thing, *, id_: str = "evt_1", **fields: Any) -> dict[str, Any]:
    return {"id": id_, "object": "event", "type": kind, "livemode": False, "data": {"object": thing}, **fields}


def signature(body: bytes, *, secret: str = EVENT_SECRET, at: float | None = None) -> str:
    stamp = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={mac}"


def post_event(stripe_event: dict[str, Any], *, signed: str | None = None) -> int:
    """Post an event and return the status of the response."""
    body = json.dumps(stripe_event).encode()
    headers = {"Stripe-Signature": signature(body) if signed is None else signed}
    return Client().post("/pay/stripe/events", body, content_type="application/json", headers=headers).status_code
