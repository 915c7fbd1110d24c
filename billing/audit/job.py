"""The audit as a job: an item is a check, so that staff can watch it, and run it before locking a month."""

import json
from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection

from billing.audit.audit_run import CHECKS, LONG_READ_SETTINGS
from billing.audit.shared_reads import Books
from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition
from billing.models import Job, JobItem
from billing.models.jobs import JobKind
from plans.catalog.stored_terms import clear_terms_cache


def start_audit(*, by: User | None, at: datetime) -> Job:
    """Store a job that runs every check, each on a snapshot of the books."""
    return start.start(kind=JobKind.AUDIT, title="Audit of the books", parameters={}, dry_run=False, by=by, at=at)


def _create_items(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    done_count = after.number if after else 0
    for number, check in enumerate(CHECKS[done_count:], start=done_count + 1):
        yield JobItem(job=job, number=number, parameters={"check": check.name})


def _run_check(item: JobItem, at: datetime) -> ItemOutcome:
    name = item.parameters["check"]
    check = next((candidate for candidate in CHECKS if candidate.name == name), None)
    if check is None:
        return ItemOutcome(unfinished=f"The check “{name}” no longer exists; start a new audit.")
    clear_terms_cache()
    with connection.cursor() as cursor:
        cursor.execute(LONG_READ_SETTINGS)
    finding = check.run(Books())
    rows: list[dict[str, str | int]] = [
        {"check": name, "invariant": check.reference, "row": json.dumps(row, default=str, sort_keys=True)}
        for row in [*finding.rows, *([{"note": finding.note}] if finding.note else [])]
    ]
    return ItemOutcome({"checks": 1, "violated": int(finding.is_violated)}, rows)


AUDIT = JobDefinition(
    permission="billing.close_period",
    split=_create_items,
    process=_run_check,
    columns=("check", "invariant", "row"),
    reads_snapshot=True,
)
"""Kind of job that runs the integrity checks."""
