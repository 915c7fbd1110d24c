"""End a job whose items are all done or given up."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from billing.jobs.kinds import JobDefinition
from billing.models import Job
from billing.models.jobs import ItemState, JobState
from lib.audit_log import audited_transaction

_FIGURES = """
SELECT i.job_id, f.key, sum(f.value::bigint)
FROM billing_jobitem i CROSS JOIN LATERAL jsonb_each_text(i.figures) f
WHERE i.job_id = ANY(%s) GROUP BY 1, 2 ORDER BY 1, 2
"""


def sum_figures(job_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return the sums of what items have counted, by job; one that is not done may have done some of it."""
    found: dict[int, dict[str, int]] = {id_: {} for id_ in job_ids}
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, [list(job_ids)])
        for job_id, name, total in cursor.fetchall():
            found[job_id][name] = int(total)
    return found


def complete_job(*, job_id: int, definition: JobDefinition, at: datetime) -> bool:
    """
    End a running job of which no item waits, with its figures, and return whether it was this call that did.

    An item under way still counts as waiting for everybody but its worker, who looks here after it.
    """
    with audited_transaction("job ended", by=None, at=at):
        job = Job.objects.select_for_update(skip_locked=True).filter(pk=job_id, state=JobState.RUNNING).first()
        if job is None or job.total is None or job.items.filter(state=ItemState.WAITING).exists():
            return False
        job.failed = job.items.filter(state=ItemState.FAILED).count()
        job.state = JobState.FAILED if job.failed else JobState.DONE
        job.figures, job.finished_at = sum_figures([job.pk])[job.pk], at
        job.save(update_fields=["failed", "state", "figures", "finished_at"])
        if not job.failed:
            definition.complete(job, at)
        return True
