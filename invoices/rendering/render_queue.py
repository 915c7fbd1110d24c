"""Who is rendering what: each attempt is claimed, counted and recorded by one statement."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import connection

from invoices.models import Rendering
from lib.error_text import readable

RENDER_SECONDS = 40
CLAIM_LASTS = timedelta(seconds=RENDER_SECONDS + 5)
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
"""How long after the first, second … failure the next attempt comes. After the last there is none: it is parked."""

MOST_ATTEMPTS = len(RETRY_AFTER) + 1
UNFINISHED = "The attempt has not finished: it is under way, or its process died."


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to render one invoice; attempt: counted from 1."""

    invoice_id: int
    attempt: int


_TAKE = """
INSERT INTO invoices_rendering AS r (invoice_id, attempts, error, sha256, retry_at)
VALUES (%(invoice)s, 1, %(unfinished)s, '', %(until)s)
ON CONFLICT (invoice_id) DO UPDATE
SET attempts = r.attempts + 1, error = excluded.error, retry_at = excluded.retry_at
WHERE r.content IS NULL AND (
    (r.retry_at <= %(at)s AND r.attempts < %(most)s)
    OR (%(insist)s AND (r.error <> %(unfinished)s OR r.retry_at IS NULL OR r.retry_at <= %(at)s)))
RETURNING attempts
"""


def take(*, invoice_id: int, at: datetime, insist: bool = False) -> Claim | None:
    """
    Return the claim to an issued invoice without a file, or None: it is done, not due, parked, or someone else's.

    insist: whether to take it even if it is not due or parked; what is under way is never taken.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "invoice": invoice_id,
                "at": at,
                "until": at + CLAIM_LASTS,
                "most": MOST_ATTEMPTS,
                "insist": insist,
                "unfinished": UNFINISHED,
            },
        )
        row = cursor.fetchone()
    return None if row is None else Claim(invoice_id, row[0])


def fulfill(claim: Claim, *, content: bytes, at: datetime) -> None:
    """Store the file with its hash, unless it is there: whoever was first wrote the same bytes."""
    Rendering.objects.filter(invoice=claim.invoice_id, content__isnull=True).update(
        content=content, sha256=sha256(content).hexdigest(), rendered_at=at, error="", retry_at=None
    )


def fail(claim: Claim, *, reason: str, at: datetime) -> None:
    """Record why an attempt came to nothing and when the next one is due, unless another has begun since."""
    again = at + RETRY_AFTER[claim.attempt - 1] if claim.attempt < MOST_ATTEMPTS else None
    Rendering.objects.filter(invoice=claim.invoice_id, attempts=claim.attempt, content__isnull=True).update(
        error=readable(reason), retry_at=again
    )


def park_abandoned(*, at: datetime) -> None:
    """Park what died in its last attempt."""
    Rendering.objects.waiting(at).filter(attempts__gte=MOST_ATTEMPTS).update(retry_at=None)


def release_parked(*, at: datetime) -> int:
    """Give everything that is parked its attempts again, as after a font was installed; return how many."""
    return Rendering.objects.parked().update(attempts=0, retry_at=at)
