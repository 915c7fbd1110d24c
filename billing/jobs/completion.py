"""End a job whose items are all done or given up."""

from collections.abc import Sequence
from datetime import datetime

from billing.jobs.definitions import JobDefinition
from billing.models import Job
from billing.models.jobs import ItemState, JobState
from lib import sql
from lib.audit_log import audited_transaction
from lib.queue import lock_free_row

_FIGURES = """
SELECT i.job_id, f.key, sum(f.value::bigint)
FROM billing_jobitem i CROSS JOIN LATERAL jsonb_each_text(i.figures) f
WHERE i.job_id = ANY(%s) GROUP BY 1, 2 ORDER BY 1, 2
"""


def sum_figures(job_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """
    Return the sum of each figure that a job's items counted, by job. An unfinished item may already have counted
    some.
    """
    figures_by_job: dict[int, dict[str, int]] = {id_: {} for id_ in job_ids}
    for job_id, name, total in sql.fetch_rows(_FIGURES, [list(job_ids)]):
        figures_by_job[job_id][name] = int(total)
    return figures_by_job


def complete_job(*, job_id: int, definition: JobDefinition, at: datetime) -> bool:
    """
    Complete a running job that has no waiting items, and return whether this call completed it.

    An item in progress counts as waiting for every process but the one that works on it, which calls this after the
    item.
    """
    with audited_transaction("job ended", by=None, at=at):
        job = lock_free_row(Job.objects.filter(pk=job_id, state=JobState.RUNNING))
        if job is None or job.total is None or job.items.filter(state=ItemState.WAITING).exists():
            return False
        job.failed = job.items.filter(state=ItemState.FAILED).count()
        job.state = JobState.FAILED if job.failed else JobState.DONE
        job.figures, job.finished_at = sum_figures([job.pk])[job.pk], at
        job.save(update_fields=["failed", "state", "figures", "finished_at"])
        if not job.failed:
            definition.complete(job, at)
        return True
