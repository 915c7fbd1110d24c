"""Verify and store Stripe's events; refuse those that are forged, stale, from the future or of another account."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from django.conf import settings

from invoices.models import MerchantAccount, ProviderEvent
from invoices.models.payment_attempts import ProviderName
from lib.encryption import decrypt

TOLERANCE = timedelta(minutes=5)
# Stripe's events are a few kilobytes. The body comes from strangers until its signature is checked.
MAX_BYTES = 512 * 1024


class UntrustedEvent(ValueError):
    """The event is not proven to come from our Stripe account just now; the text says why, for our own log."""


@dataclass(frozen=True, slots=True)
class _Trust:
    """How events of an account are recognized. ref: the id of the account, empty if events need not name it."""

    secrets: Sequence[str]
    secret_key: str
    ref: str | None


def store_event(
    *, body: bytes, signature: str, at: datetime, merchant: MerchantAccount | None = None
) -> ProviderEvent:
    """
    Store an event signed by Stripe, once; `process_event` acts on it.

    merchant: the seller's own account whose address received it; None for that of the settings.

    :raises UntrustedEvent: if the signature is not by one of our secrets, or older or newer than five minutes, or the
        event is of another account, or of test mode where ours is live.
    """
    if merchant is None:
        trust = _Trust(settings.STRIPE_WEBHOOK_SECRETS, settings.STRIPE_SECRET_KEY, settings.STRIPE_ACCOUNT)
    else:
        trust = _Trust([decrypt(merchant.webhook_secret)], decrypt(merchant.secret_key), merchant.ref or None)
    event = _verified(body, signature, at, trust)
    stored, _ = ProviderEvent.objects.get_or_create(
        provider=ProviderName.STRIPE,
        merchant=merchant,
        ref=event["id"],
        defaults={"kind": event["type"][:80], "content": event, "received_at": at, "next_at": at},
    )
    return stored


def _verified(body: bytes, signature: str, at: datetime, trust: _Trust) -> dict[str, Any]:
    if not trust.secrets:
        raise UntrustedEvent("No webhook secret is configured. Set TOLLBOOK_STRIPE_WEBHOOK_SECRETS.")
    if not any(_is_signed(body, signature, secret) for secret in trust.secrets):
        raise UntrustedEvent("The signature does not match a configured secret.")
    if abs(at - _signed_at(signature)) > TOLERANCE:
        raise UntrustedEvent("The signature is more than five minutes old or in the future.")
    try:
        event = json.loads(body)
    except ValueError as error:
        raise UntrustedEvent(f"The body is not valid JSON: {error}") from error
    if not (isinstance(event, dict) and isinstance(event.get("id"), str) and isinstance(event.get("type"), str)):
        raise UntrustedEvent("The body is not an event.")
    if event.get("account") not in (None, trust.ref):
        raise UntrustedEvent("The event belongs to another account.")
    if event.get("livemode") is not trust.secret_key.startswith(("sk_live", "rk_live")):
        raise UntrustedEvent("The event's mode, live or test, differs from the key's.")
    return event


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        # Its own check of age is one-sided, and by the host's clock: ours follows.
        return bool(stripe.WebhookSignature.verify_header(body.decode(), signature, secret, tolerance=None))
    except (stripe.SignatureVerificationError, ValueError):
        return False


def _signed_at(signature: str) -> datetime:
    parts = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
    try:
        return datetime.fromtimestamp(int(parts.get("t", "")), tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UntrustedEvent("The signature has no timestamp.") from error
