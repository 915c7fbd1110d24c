"""The queue of renderings: one worker at a time renders an issued invoice without a file, a few times at most."""

from datetime import datetime, timedelta
from hashlib import sha256

from django.db.models import Q

from invoices.models import Rendering
from lib.queue import Backoff, Lease, Queue

# A lease outlives the longest rendering by a few seconds to store its file, so no second process starts meanwhile.
RENDER_SECONDS = 40
LEASE_DURATION = timedelta(seconds=RENDER_SECONDS + 5)
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
"""Delay of the next attempt after the first, second … failure. After the last one the invoice is parked."""

MAX_ATTEMPTS = len(RETRY_AFTER) + 1
UNFINISHED = "The attempt has not finished: it is running, or its process died."

RENDERINGS = Queue(
    model=Rendering,
    key="invoice_id",
    unfinished=Q(content__isnull=True),
    lease=LEASE_DURATION,
    backoff=Backoff(RETRY_AFTER),
    due_column="retry_at",
    lease_column="leased_until",
    claimed=lambda at: {"error": UNFINISHED},
)


def lease_rendering(*, invoice_id: int, at: datetime, insist: bool = False) -> Lease | None:
    """
    Lease an issued invoice without a file; None if it has a file, is not due, is parked, or is leased by another
    process.

    insist: whether to lease it even if it is not due or is parked; an attempt in progress is never leased.
    """
    # An issued invoice is due without a row. Of two workers that add it, one does, and the claim decides.
    Rendering.objects.bulk_create([Rendering(invoice_id=invoice_id, attempts=0, retry_at=at)], ignore_conflicts=True)
    return RENDERINGS.claim(invoice_id, at=at, insists=insist)


def store_file(lease: Lease, *, content: bytes, at: datetime) -> None:
    """Store the file with its hash, unless there is one: the first process wrote the same bytes."""
    Rendering.objects.filter(invoice=lease.key, content__isnull=True).update(
        content=content, sha256=sha256(content).hexdigest(), rendered_at=at, error="", **RENDERINGS.due_at(None)
    )
