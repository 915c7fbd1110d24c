"""Send records again, at the request of a person."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from billing.models import SyncRecord
from billing.models.adapters import SyncState


@transaction.atomic
def resend(*, record_ids: Iterable[int], at: datetime) -> int:
    """
    Make records due now, with their first delays, and return their number.

    Those that a worker is sending are left out: what it sends is what a retry would send.
    """
    is_free = Q(leased_until__isnull=True) | Q(leased_until__lte=at)
    free = SyncRecord.objects.filter(is_free, pk__in=list(record_ids))
    return free.update(state=SyncState.WAITING, attempts=0, next_at=at, leased_until=None)
