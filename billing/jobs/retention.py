"""Forget what jobs of long ago held of files and what was found in them; what they did and counted stays."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from billing.models import Job, JobItem
from lib.audit_log import audited_transaction

BATCH_SIZE = 100


def clear_old_jobs(*, at: datetime) -> int:
    """
    Forget what the next jobs still hold that ended `settings.JOBS_KEPT_DAYS` ago, and return how many these were.

    From then on they cannot be tried again, done for real, or asked for their findings.
    """
    ended_before = at - timedelta(days=settings.JOBS_KEPT_DAYS)
    with audited_transaction("job forgotten", by=None, at=at):
        old = Job.objects.filter(finished_at__lt=ended_before, forgotten_at__isnull=True).order_by("pk")
        ids = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH_SIZE])
        held = JobItem.objects.filter(Q(content__isnull=False) | ~Q(findings=[]), job__in=ids)
        held.update(content=None, findings=[])
        return Job.objects.filter(pk__in=ids).update(forgotten_at=at)
