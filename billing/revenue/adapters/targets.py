"""Targets: how one is set up, and the adapter that speaks to it."""

from datetime import timedelta

from django.db.models import Q

from billing.models import SyncRecord, SyncTarget
from billing.models.adapters import QUEUED, SyncKind
from billing.revenue.adapters.adapter import Adapter
from billing.revenue.adapters.api_client import UNREACHABLE_PAUSE
from billing.revenue.adapters.hubspot import HubSpotAdapter
from billing.revenue.adapters.xero import XeroAdapter
from customers.notifications.http_client import SECONDS
from lib.encryption import decrypt
from lib.queue import Backoff, Queue, doubling

LEASE = timedelta(seconds=180)
"""Time after which a worker that has recorded no outcome counts as dead: a run's time and four requests."""

RECORDS = Queue(
    model=SyncRecord,
    unfinished=Q(state__in=QUEUED),
    lease=LEASE,
    # A target may be down for days, and everything it missed is sent once it is back.
    backoff=Backoff(doubling(timedelta(minutes=1), timedelta(hours=6), count=10), is_endless=True, jitter=0.2),
    lease_column="leased_until",
)

assert LEASE.total_seconds() > 45 + 4 * SECONDS + UNREACHABLE_PAUSE.total_seconds()  # noqa: S101


def make_adapter(target: SyncTarget) -> Adapter:
    """
    Return the adapter of a target.

    :raises SecretUnreadable: if the encryption key of its secret is missing.
    """
    secret = decrypt(target.secret)
    if target.kind == SyncKind.HUBSPOT:
        return HubSpotAdapter(base_url=target.base_url, token=secret)
    return XeroAdapter(
        base_url=target.base_url, token_url=target.token_url, client_id=target.client_id, client_secret=secret
    )
