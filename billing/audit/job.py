"""The audit as bulk work: an item is a check, so that it can be watched, and be run before a month is locked."""

import json
from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection

from billing.audit.audit_run import CHECKS, FOR_LONG_READS
from billing.audit.shared_reads import Books
from billing.jobs import start
from billing.jobs.kinds import Kind, Outcome
from billing.models import Job, JobItem
from billing.models.jobs import JobKind
from plans.catalog.stored_terms import forget_terms


def start_audit(*, by: AbstractBaseUser | None, at: datetime) -> Job:
    """Store a job that runs every check, each on the books as they are at one moment."""
    return start.start(kind=JobKind.AUDIT, title="Audit of the books", parameters={}, dry_run=False, by=by, at=at)


def _cut(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    done = after.number if after else 0
    for number, check in enumerate(CHECKS[done:], start=done + 1):
        yield JobItem(job=job, number=number, parameters={"check": check.name})


def _do(item: JobItem, at: datetime) -> Outcome:
    name = item.parameters["check"]
    check = next((one for one in CHECKS if one.name == name), None)
    if check is None:
        return Outcome(left=f"There is no check “{name}” any more: start another audit.")
    forget_terms()
    with connection.cursor() as cursor:
        cursor.execute(FOR_LONG_READS)
    found = check.run(Books())
    rows: list[dict[str, str | int]] = [
        {"check": name, "invariant": check.reference, "row": json.dumps(row, default=str, sort_keys=True)}
        for row in found.rows
    ]
    return Outcome({"checks": 1, "violated": int(found.is_violated)}, rows)


AUDIT = Kind(
    permission="billing.close_period",
    cut=_cut,
    do=_do,
    columns=("check", "invariant", "row"),
    at_one_moment=True,
)
"""The audit as bulk work."""
