"""Clear the contents and findings of old jobs; their state, figures and counts stay."""

from datetime import datetime

from django.conf import settings
from django.db.models import Q

from billing.models import Job, JobItem
from lib.audit_log import audited_transaction
from lib.queue import lock_free_rows
from lib.retention import kept_since

# Jobs per transaction; each may have many items and a file.
BATCH_SIZE = 100


def clear_old_jobs(*, at: datetime) -> int:
    """
    Clear the contents and findings of the next jobs that finished `settings.JOB_RETENTION_DAYS` ago; return how many
    jobs.

    A cleared job can't be retried, run for real or asked for its result file.
    """
    ended_before = kept_since(at, days=settings.JOB_RETENTION_DAYS)
    with audited_transaction("job forgotten", by=None, at=at):
        old = Job.objects.filter(finished_at__lt=ended_before, cleared_at__isnull=True).order_by("pk")
        ids = [job.pk for job in lock_free_rows(old.only("pk"), limit=BATCH_SIZE)]
        items = JobItem.objects.filter(Q(content__isnull=False) | ~Q(findings=[]), job__in=ids)
        items.update(content=None, findings=[])
        return Job.objects.filter(pk__in=ids).update(cleared_at=at)
