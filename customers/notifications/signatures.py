"""The payload and signatures of a webhook: Standard Webhooks 1.0, docs/webhooks.md."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook


def build_payload(
    *, kind: str, customer: str | None, sandbox: bool, facts: dict[str, Any], created_at: datetime
) -> bytes:
    """Return the body of a message: its kind, time and facts; the same on every try."""
    customer_facts = {"sandbox": sandbox} if customer is None else {"customer": customer, "sandbox": sandbox}
    data = customer_facts | facts | customer_facts  # these take precedence over facts of the same name
    body = {"type": kind, "timestamp": created_at.astimezone(UTC).isoformat(), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def build_headers(*, message_id: UUID, content: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """
    Return the headers that prove that a message is ours and was sent now.

    secrets: of its endpoint, the current one first; each gives one signature.
    """
    name = message_name(message_id)
    at = at.astimezone(UTC)
    signatures = [Webhook(secret).sign(name, at, content.decode()) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": "Tollbook",
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def message_name(message_id: UUID) -> str:
    return f"msg_{message_id.hex}"
