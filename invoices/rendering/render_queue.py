"""Leases of renderings: one statement claims, counts and records each attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import connection

from invoices.models import Rendering
from lib.error_text import storable_error_text

# A lease outlives the longest rendering by a few seconds to store its file, so no second process starts meanwhile.
RENDER_SECONDS = 40
LEASE_DURATION = timedelta(seconds=RENDER_SECONDS + 5)
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
"""Delay of the next attempt after the first, second … failure. After the last one the invoice is parked."""

MAX_ATTEMPTS = len(RETRY_AFTER) + 1
UNFINISHED = "The attempt has not finished: it is under way, or its process died."


@dataclass(frozen=True, slots=True)
class RenderLease:
    """The right to render one invoice. attempt: counted from 1."""

    invoice_id: int
    attempt: int


# One statement, so that two workers never lease the same attempt: the unique row of the invoice serializes them.
_LEASE = """
INSERT INTO invoices_rendering AS r (invoice_id, attempts, error, sha256, retry_at)
VALUES (%(invoice)s, 1, %(unfinished)s, '', %(until)s)
ON CONFLICT (invoice_id) DO UPDATE
SET attempts = r.attempts + 1, error = excluded.error, retry_at = excluded.retry_at
WHERE r.content IS NULL AND (
    (r.retry_at <= %(at)s AND r.attempts < %(most)s)
    OR (%(insist)s AND (r.error <> %(unfinished)s OR r.retry_at IS NULL OR r.retry_at <= %(at)s)))
RETURNING attempts
"""


def lease_rendering(*, invoice_id: int, at: datetime, insist: bool = False) -> RenderLease | None:
    """
    Lease an issued invoice without a file; None if it has a file, is not due, is parked, or is leased by another
    process.

    insist: whether to lease it even if it is not due or is parked; an attempt in progress is never leased.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LEASE,
            {
                "invoice": invoice_id,
                "at": at,
                "until": at + LEASE_DURATION,
                "most": MAX_ATTEMPTS,
                "insist": insist,
                "unfinished": UNFINISHED,
            },
        )
        row = cursor.fetchone()
    return None if row is None else RenderLease(invoice_id, row[0])


def store_file(lease: RenderLease, *, content: bytes, at: datetime) -> None:
    """Store the file with its hash, unless there is one: the first process wrote the same bytes."""
    Rendering.objects.filter(invoice=lease.invoice_id, content__isnull=True).update(
        content=content, sha256=sha256(content).hexdigest(), rendered_at=at, error="", retry_at=None
    )


def record_failure(lease: RenderLease, *, reason: str, at: datetime) -> None:
    """
    Record the reason of a failed attempt and the time of the next one, unless another attempt has started since.
    """
    retry_at = at + RETRY_AFTER[lease.attempt - 1] if lease.attempt < MAX_ATTEMPTS else None
    Rendering.objects.filter(invoice=lease.invoice_id, attempts=lease.attempt, content__isnull=True).update(
        error=storable_error_text(reason), retry_at=retry_at
    )


def park_abandoned(*, at: datetime) -> None:
    """Park invoices whose last attempt died with its process."""
    Rendering.objects.waiting(at).filter(attempts__gte=MAX_ATTEMPTS).update(retry_at=None)


def release_parked(*, at: datetime) -> int:
    """Reset the attempts of all parked invoices, for example after installing a font; return how many."""
    return Rendering.objects.parked().update(attempts=0, retry_at=at)
