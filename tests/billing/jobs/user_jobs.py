"""A job kind with countable effects: each item creates a user with a unique name."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from django.contrib.auth.models import User

from billing.jobs import item_split
from billing.jobs.definitions import ItemOutcome, JobDefinition, JobDefinitions
from billing.jobs.start import start
from billing.jobs.worker import WorkResult, work
from billing.models import Job, JobItem
from billing.models.jobs import JobKind
from lib.queue import NO_DEADLINE
from tests.deadlines import ScriptedDeadline

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def make_job(count: int = 3, *, dry_run: bool = False) -> Job:
    return start(
        kind=JobKind.USAGE_IMPORT,
        title="Users",
        parameters={"count": count},
        dry_run=dry_run,
        by=None,
        at=NOW,
    )


def numbered(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    for number in range(after.number + 1 if after else 1, job.parameters["count"] + 1):
        yield JobItem(job=job, number=number, parameters={"name": f"user-{job.pk}-{number}"})


def make_user(item: JobItem, at: datetime) -> ItemOutcome:
    if not item.job.dry_run:
        User.objects.create(username=item.parameters["name"])
    return ItemOutcome({"users": 1}, [{"name": item.parameters["name"]}])


def kinds(do: Callable[[JobItem, datetime], ItemOutcome] = make_user, **more: object) -> JobDefinitions:
    return {
        JobKind.USAGE_IMPORT: JobDefinition(
            **{"permission": "", "split": numbered, "process": do, "columns": ("name",)} | more
        )
    }


def work_all(do: Callable[[JobItem, datetime], ItemOutcome] = make_user, *, most: int = 1_000_000) -> WorkResult:
    """Work until no item can be done now, or this many items are done."""
    done: list[int] = []

    def counted(item: JobItem, at: datetime) -> ItemOutcome:
        done.append(item.number)
        return do(item, at)

    return work(kinds=kinds(counted), clock=lambda: NOW, deadline=ScriptedDeadline(lambda: len(done) < most))


def split_only(job: Job, kind: JobDefinition | None = None) -> None:
    item_split.split_job(job_id=job.pk, definition=kind or kinds()[job.kind], at=NOW, deadline=NO_DEADLINE)


def user_count() -> int:
    return User.objects.filter(username__startswith="user-").count()


def refreshed(job: Job) -> Job:
    job.refresh_from_db()
    return job
