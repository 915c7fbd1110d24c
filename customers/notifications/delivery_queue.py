"""Take what is due to be sent: each delivery by one worker at a time, no more of an endpoint than it can bear."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from customers.notifications.http_client import SECONDS

LEASE = timedelta(seconds=60)
"""After this a worker that has not said what came of a delivery is taken for dead; sending takes SECONDS at most."""

AT_ONCE = 8
"""Messages under way to one endpoint, over all workers; and mails."""

AT_ONCE_WHEN_FAILING = 1
"""One that answers late or not at all gets one at a time, so that it does not hold up what goes to others."""

assert LEASE.total_seconds() >= 2 * SECONDS  # noqa: S101

_MAILS = 7_265_801
"""The lock that whoever takes mails holds for that moment."""


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """
    The right to try one delivery until its lease is over.

    attempt: counted from 1. url, secret, previous_secret: of the endpoint, the secrets still sealed; previous_secret
    is empty when it is over. address, language: of a person; empty where the contact was forgotten.
    wordings: finance's own subjects and bodies of a mail, by language: the person's, and English.
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


# The locked endpoint keeps a second worker from taking as many again; whoever comes meanwhile passes it by.
_OF_ENDPOINTS = """
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

_OF_MAILS = """
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

_TAKE = """
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
        WHERE w.kind = n.kind AND w.language IN (spoken.language, 'en')) END
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
    Take up to `most` deliveries that are due, the longest waiting of each endpoint first.

    What was taken before and never finished is due again once its lease is over.
    """
    with transaction.atomic():
        claims = _take(_OF_MAILS, at, most)
        return claims + _take(_OF_ENDPOINTS, at, most - len(claims))


def _take(picked: str, at: datetime, most: int) -> list[DeliveryClaim]:
    figures = {"at": at, "until": at + LEASE, "most": most, "at_once": AT_ONCE, "failing": AT_ONCE_WHEN_FAILING}
    with connection.cursor() as cursor:
        cursor.execute(picked + _TAKE, {**figures, "mails": _MAILS})
        return [
            DeliveryClaim(*row[:4], json.loads(row[4]), *row[5:-1], json.loads(row[-1] or "{}"))
            for row in cursor.fetchall()
        ]
