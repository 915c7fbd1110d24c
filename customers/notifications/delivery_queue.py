"""The queue of due deliveries: one worker at a time tries a delivery, with a limit per endpoint."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from customers.models import Delivery
from customers.models.notifications import DeliveryState
from customers.notifications.http_client import SECONDS
from lib import sql
from lib.email_layout import NO_SENDER, Attachment, EmailSender
from lib.queue import Backoff, Queue

LEASE = timedelta(seconds=60)
"""Time after which a worker that has not recorded an outcome counts as dead; sending takes at most SECONDS."""

AT_ONCE = 8
"""Maximum messages in progress to one endpoint, over all workers; the same limit holds for emails."""

AT_ONCE_WHEN_FAILING = 1
"""A failing endpoint gets one message at a time, so that it does not delay messages to others."""

assert LEASE.total_seconds() >= 2 * SECONDS  # noqa: S101

RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""
The wait after the first, second … failed try: a little over three days in total.

Source: Standard Webhooks 1.0, “Deliverability and reliability”.
"""

JITTER = 0.2
"""
Maximum share by which a wait is extended at random, so that messages that failed together are not retried together.
"""

DELIVERIES = Queue(
    model=Delivery,
    unfinished=Q(state=DeliveryState.SENDING),
    lease=LEASE,
    backoff=Backoff(RETRY_AFTER, jitter=JITTER),
    reason_column="answer",
)
"""The rows are claimed by the statements below, because each endpoint has a limit of its own."""

_MAILS = 7_265_801
"""Advisory lock held while emails are claimed."""


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """
    The right to try one delivery until its lease ends.

    attempt: counted from 1. url, secret, previous_secret: of the endpoint; the secrets are still encrypted, and
        previous_secret is empty once it has expired. address, language: of a person; empty if the contact was
        deleted.
    wordings: the seller's own subjects and bodies of the email by language: the person's language, and English.
    locale, time_zone: of the customer. seller_id: of the notification, or the customer's. is_staff: whether the
        person is a staff user.
    sender, attachment: of an email, read before it is sent: email_preparation.py.
    """

    delivery_id: int
    attempt: int
    message_id: UUID
    kind: str
    facts: dict[str, Any]
    created_at: datetime
    customer: str | None
    customer_name: str
    sandbox: bool
    endpoint_id: int | None
    url: str
    secret: str
    previous_secret: str
    address: str
    language: str
    wordings: dict[str, list[str]]
    locale: str
    time_zone: str
    seller_id: int | None
    is_staff: bool
    sender: EmailSender = NO_SENDER
    attachment: Attachment | None = None

    @property
    def is_email(self) -> bool:
        return self.endpoint_id is None


# The endpoint's row lock keeps a second worker from claiming as many again; with SKIP LOCKED it skips the endpoint.
_PICK_WEBHOOKS = """
WITH lanes AS MATERIALIZED (
    SELECT e.id, CASE WHEN e.failing_since IS NULL THEN %(at_once)s ELSE %(failing)s END - (
        SELECT count(*) FROM customers_delivery d
        WHERE d.endpoint_id = e.id AND d.state = 'sending' AND d.next_at > %(at)s
    ) AS free
    FROM customers_webhookendpoint e WHERE e.disabled_at IS NULL AND EXISTS (
        SELECT FROM customers_delivery d WHERE d.endpoint_id = e.id AND d.next_at <= %(at)s
    )
    FOR NO KEY UPDATE OF e SKIP LOCKED
), picked AS (
    SELECT due.id FROM lanes CROSS JOIN LATERAL (
        SELECT d.id FROM customers_delivery d WHERE d.endpoint_id = lanes.id AND d.next_at <= %(at)s
        ORDER BY d.next_at, d.id LIMIT greatest(lanes.free, 0) FOR NO KEY UPDATE SKIP LOCKED
    ) due LIMIT %(most)s
)
"""

# All emails share one limit. The advisory lock lets one worker count and claim at a time; others claim none this
# time.
_PICK_EMAILS = """
WITH lane AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(%(mails)s) AS is_mine
), picked AS (
    SELECT d.id FROM lane JOIN customers_delivery d ON lane.is_mine AND d.endpoint_id IS NULL AND d.next_at <= %(at)s
    ORDER BY d.next_at, d.id LIMIT greatest(0, least(%(most)s, %(at_once)s - (
        SELECT count(*) FROM customers_delivery s
        WHERE s.endpoint_id IS NULL AND s.state = 'sending' AND s.next_at > %(at)s
    ))) FOR NO KEY UPDATE OF d SKIP LOCKED
)
"""

# Claims the picked deliveries and reads all that a try needs in the same round trip, so sending needs no database.
_CLAIM_PICKED = """
, taken AS (
    UPDATE customers_delivery d SET state = 'sending', attempts = attempts + 1, tried_at = %(at)s, next_at = %(until)s
    FROM picked WHERE d.id = picked.id
    RETURNING d.id, d.notification_id, d.attempts, d.endpoint_id, d.contact_id, d.staff_id
)
SELECT t.id, t.attempts, n.message_id, n.kind, n.facts, n.created_at, c.external_id, coalesce(c.legal_name, ''),
    coalesce(c.sandbox, e.sandbox, false), t.endpoint_id, coalesce(e.url, ''), coalesce(e.secret, ''),
    CASE WHEN e.previous_until > %(at)s THEN e.previous_secret ELSE '' END,
    coalesce(k.email, CASE WHEN u.is_active THEN u.email END, ''),
    spoken.language, CASE WHEN t.endpoint_id IS NULL THEN (
        SELECT jsonb_object_agg(w.language, jsonb_build_array(w.subject, w.body)) FROM customers_emailtemplate w
        WHERE w.kind = n.kind AND w.language IN (spoken.language, 'en')) END,
    coalesce(c.locale, ''), coalesce(c.time_zone, 'UTC'), coalesce(n.seller_id, c.seller_id),
    t.staff_id IS NOT NULL
FROM taken t JOIN customers_notification n ON n.id = t.notification_id
LEFT JOIN customers_customer c ON c.id = n.customer_id
LEFT JOIN customers_webhookendpoint e ON e.id = t.endpoint_id
LEFT JOIN customers_contact k ON k.id = t.contact_id
LEFT JOIN auth_user u ON u.id = t.staff_id
CROSS JOIN LATERAL (SELECT coalesce(
    nullif(split_part(k.language, '_', 1), ''), CASE WHEN k.id IS NOT NULL THEN split_part(c.locale, '_', 1) END, 'en'
) AS language) spoken
ORDER BY t.id
"""


def claim_due(*, at: datetime, most: int) -> list[DeliveryClaim]:
    """
    Claim up to `most` due deliveries, for each endpoint the longest due first.

    A delivery that was claimed and not finished is due again when its lease ends.
    """
    with transaction.atomic():
        claims = _claim(_PICK_EMAILS, at, most)
        return claims + _claim(_PICK_WEBHOOKS, at, most - len(claims))


def _claim(picked: str, at: datetime, most: int) -> list[DeliveryClaim]:
    bounds = {"most": most, "at_once": AT_ONCE, "failing": AT_ONCE_WHEN_FAILING, "mails": _MAILS}
    rows = sql.fetch_rows(picked + _CLAIM_PICKED, {"at": at, "until": at + LEASE, **bounds})
    return [
        DeliveryClaim(*(*row[:4], json.loads(row[4]), *row[5:-5], json.loads(row[-5] or "{}"), *row[-4:]))
        for row in rows
    ]
