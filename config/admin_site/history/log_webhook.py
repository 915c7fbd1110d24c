"""
The audit log as signed messages to one address, such as that of a security monitor: docs/audit-log.md#webhook.

Entries leave in the order of the chain, each batch once it was accepted and the one before was. A batch that is sent
twice, by two workers or after a crash, has the same message ID.
"""

import uuid
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings

from access.models import AuditEntry, AuditFeed, AuditSeal
from config.admin_site.history.log_export import describe
from customers.notifications import http_client
from customers.notifications.signatures import build_headers
from lib.queue import NO_DEADLINE, Deadline

MOST_ENTRIES = 200
"""Entries of one message."""

_NAMESPACE = uuid.UUID("b0f0a1f4-6f0e-4d8e-9a53-0f0c6a2f4c11")


def send_entries(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Send the entries that were sealed since the last message, and return how many were accepted.

    A refused message, or one without an answer, is sent again by the next run; the page of the audit log says so.
    """
    if not settings.AUDIT_WEBHOOK_URL:
        return 0
    feed, _is_new = AuditFeed.objects.get_or_create(pk=1)
    sent = 0
    while deadline.has_time():
        batch = list(AuditEntry.objects.filter(pk__gt=feed.last_entry).order_by("pk")[:MOST_ENTRIES])
        if not batch:
            break
        if problem := _send(batch, at=at):
            AuditFeed.objects.filter(pk=1).update(problem=problem, tried_at=at)
            break
        last = batch[-1].pk
        # Another worker may have sent this batch as well: the mark moves once, and never back.
        AuditFeed.objects.filter(pk=1, last_entry__lt=last).update(last_entry=last, problem="", tried_at=at)
        feed.last_entry, sent = last, sent + len(batch)
    return sent


def _send(batch: list[AuditEntry], *, at: datetime) -> str:
    """Send one message; return why it was not accepted, or an empty text."""
    content = msgspec.json.encode(_message(batch))
    message_id = uuid.uuid5(_NAMESPACE, f"{batch[0].pk}-{batch[-1].pk}")
    secrets = [settings.AUDIT_WEBHOOK_SECRET]
    headers = build_headers(message_id=message_id, content=content, secrets=secrets, at=at)
    try:
        answer = http_client.post(settings.AUDIT_WEBHOOK_URL, content=content, headers=headers)
    except (http_client.AddressRefused, http_client.Unreachable) as error:
        return str(error)
    return "" if 200 <= answer.status < 300 else f"{answer.status} {answer.text}".strip()


def _message(batch: list[AuditEntry]) -> dict[str, Any]:
    seal = AuditSeal.objects.get(pk=batch[-1].seal_id)
    return {
        "type": "audit_log.sealed",
        "timestamp": seal.at,
        "data": {"seal": seal.pk, "hash": seal.hash, "entries": list(describe(batch))},
    }
