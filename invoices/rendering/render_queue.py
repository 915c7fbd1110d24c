"""Who is rendering what: each attempt is claimed, counted and recorded by one statement."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import connection

from invoices.models import Rendering
from lib.error_text import storable_error_text

RENDER_SECONDS = 40
LEASE_DURATION = timedelta(seconds=RENDER_SECONDS + 5)
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
"""How long after the first, second … failure the next attempt comes. After the last there is none: it is parked."""

MOST_ATTEMPTS = len(RETRY_AFTER) + 1
UNFINISHED = "The attempt has not finished: it is under way, or its process died."


@dataclass(frozen=True, slots=True)
class RenderLease:
    """The right to render one invoice; attempt: counted from 1."""

    invoice_id: int
    attempt: int


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
    Return the claim to an issued invoice without a file, or None: it is done, not due, parked, or someone else's.

    insist: whether to take it even if it is not due or parked; what is under way is never taken.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LEASE,
            {
                "invoice": invoice_id,
                "at": at,
                "until": at + LEASE_DURATION,
                "most": MOST_ATTEMPTS,
                "insist": insist,
                "unfinished": UNFINISHED,
            },
        )
        row = cursor.fetchone()
    return None if row is None else RenderLease(invoice_id, row[0])


def store_file(lease: RenderLease, *, content: bytes, at: datetime) -> None:
    """Store the file with its hash, unless it is there: whoever was first wrote the same bytes."""
    Rendering.objects.filter(invoice=lease.invoice_id, content__isnull=True).update(
        content=content, sha256=sha256(content).hexdigest(), rendered_at=at, error="", retry_at=None
    )


def record_failure(lease: RenderLease, *, reason: str, at: datetime) -> None:
    """Record why an attempt came to nothing and when the next one is due, unless another has begun since."""
    retry_at = at + RETRY_AFTER[lease.attempt - 1] if lease.attempt < MOST_ATTEMPTS else None
    Rendering.objects.filter(invoice=lease.invoice_id, attempts=lease.attempt, content__isnull=True).update(
        error=storable_error_text(reason), retry_at=retry_at
    )


def park_abandoned(*, at: datetime) -> None:
    """Park what died in its last attempt."""
    Rendering.objects.waiting(at).filter(attempts__gte=MOST_ATTEMPTS).update(retry_at=None)


def release_parked(*, at: datetime) -> int:
    """Give everything that is parked its attempts again, as after a font was installed; return how many."""
    return Rendering.objects.parked().update(attempts=0, retry_at=at)
