"""`manage.py run_jobs`: work on jobs, next to other workers, with progress and a summary."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.job_kinds import KINDS
from billing.jobs.progress import read_job_progress
from billing.jobs.worker import work
from billing.models import Job
from billing.models.jobs import OPEN_STATES, JobState
from lib.progress_bar import show_progress
from lib.queue import Deadline
from lib.task_clock import database_time

SECONDS_BETWEEN_LOOKS = 0.5


class Command(BaseCommand):
    help = "Process the open jobs until they are done. Several may run at once, and may be killed at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--job", type=int, help="only this job")

    def handle(self, *, job: int | None, **options: Any) -> None:
        """Exit 0 if all open jobs are done, 1 if an item failed."""
        jobs = Job.objects.filter(state__in=OPEN_STATES) if job is None else Job.objects.filter(pk=job)
        ids = list(jobs.values_list("pk", flat=True))
        if job is not None and not ids:
            raise CommandError(f"No job {job} exists.")
        for id_ in ids:
            self._work(id_)
        for job_row in Job.objects.filter(pk__in=ids).order_by("pk"):
            figures = ", ".join(f"{count:,} {name}" for name, count in job_row.figures.items())
            self.stdout.write(f"{job_row}: {job_row.get_state_display()}; {figures or job_row.error or 'no counts'}.")
        failed = Job.objects.filter(pk__in=ids, state=JobState.FAILED).count()
        if failed:
            raise CommandError(f"{failed:,} jobs failed; their pages in the admin give the reasons.")

    def _work(self, job_id: int) -> None:
        """Work on a job until it is no longer open; other workers may hold some of its items."""
        with show_progress("working", 100, out=self.stdout) as show_percent:
            while job := Job.objects.filter(pk=job_id, state__in=OPEN_STATES).first():
                show_percent(read_job_progress([job])[job_id].percent)
                turn = Deadline(SECONDS_BETWEEN_LOOKS)
                work(
                    kinds=KINDS,
                    clock=database_time,
                    job_id=job_id,
                    # Short turns, so that the progress is shown in between.
                    deadline=turn,
                )
                time.sleep(max(0, SECONDS_BETWEEN_LOOKS - turn.elapsed.total_seconds()))
