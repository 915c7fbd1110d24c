"""Check that the figures of jobs match their items, and that files and simulated bills are unchanged."""

from collections.abc import Iterator
from hashlib import sha256

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.models import Job, JobPart, SimulationResult
from billing.models.jobs import PART_BYTES
from billing.simulation.results import compute_digest

_ENDED = """
    SELECT j.id, j.state, j.total, j.failed, i.items, i.waiting, i.failed AS items_failed
    FROM billing_job j CROSS JOIN LATERAL (
        SELECT count(*) AS items, count(*) FILTER (WHERE state = 'waiting') AS waiting,
            count(*) FILTER (WHERE state = 'failed') AS failed
        FROM billing_jobitem WHERE job_id = j.id
    ) i
    WHERE j.total <> i.items OR (j.state IN ('done', 'failed') AND j.total IS NOT NULL
        AND (i.waiting > 0 OR i.failed <> j.failed))
"""

# Sums the items again: a finished job keeps these figures after its items are cleared.
_FIGURES = """
    SELECT j.id, j.figures, i.figures AS items_figures
    FROM billing_job j CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_object_agg(key, total), '{}') AS figures FROM (
            SELECT f.key, sum(f.value::bigint) AS total
            FROM billing_jobitem i CROSS JOIN LATERAL jsonb_each_text(i.figures) f
            WHERE i.job_id = j.id GROUP BY 1
        ) sums
    ) i
    WHERE j.state IN ('done', 'failed') AND j.total IS NOT NULL AND j.figures <> i.figures
"""

_NUMBERS = """
    SELECT job_id, count(*) AS items, max(number) AS last FROM billing_jobitem
    GROUP BY 1 HAVING count(*) <> max(number) OR min(number) <> 1
"""


def _files(books: Books) -> Iterator[Row]:
    """Yield files that are incomplete before they are split into items, or that still exist afterwards."""
    for job in Job.objects.exclude(file_name="").only("total", "state", "file_bytes", "file_sha256"):
        parts = JobPart.objects.filter(job=job).order_by("number").values_list("number", "content")
        if job.total is not None or job.has_ended:
            if parts.exists():
                yield {"job": job.pk, "is": "already split or ended, but its file still exists"}
            continue
        digest, size = sha256(), 0
        for number, content in parts.iterator(chunk_size=8):
            if number * PART_BYTES != size:
                yield {"job": job.pk, "part": number, "begins at": size}
            digest.update(content)
            size += len(content)
        if (size, digest.hexdigest()) != (job.file_bytes, job.file_sha256):
            yield {"job": job.pk, "bytes": size, "sha256": digest.hexdigest(), "was": job.file_sha256}


def _changed(books: Books) -> Iterator[Row]:
    for result in SimulationResult.objects.order_by("pk").iterator(chunk_size=500):
        if result.digest != compute_digest(result):
            yield {"id": result.pk, "job": result.job_id, "digest": result.digest}


CHECKS = (
    Check("finished_jobs_have_no_waiting_items", "J1", _ENDED),
    Check("job_counts_equal_the_sum_of_their_items", "J1", _FIGURES),
    Check("job_items_are_numbered_without_gaps", "J1", _NUMBERS),
    Check("uploaded_files_are_complete", "J2", _files),
    Check("simulated_bills_have_not_changed", "J3", _changed),
)
