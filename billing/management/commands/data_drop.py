"""`manage.py data_drop`: drop the tables to one target or to all, with progress and the files that were written."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from billing.jobs.results import job_result_rows
from billing.models import DropTarget, Job
from billing.revenue.data_drop.job import DATA_DROP, running_drop, start_drop
from lib.task_clock import database_time


class Command(BaseCommand):
    help = (
        "Write all tables as files to the folders and buckets that are set up as drop targets."
        " Can be interrupted and run again: the drop continues with the parts that are missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--target", help="name of the drop target; default: all that are enabled")
        parser.add_argument("--dry-run", action="store_true", help="list the files only")
        parser.add_argument(
            "--rewrite", action="store_true", help="write every file again, for a place from which files were deleted"
        )

    def handle(self, *, target: str | None, dry_run: bool, rewrite: bool, **options: Any) -> None:
        """Exit 0 if all drops are published, 1 if one failed."""
        failures = []
        for drop_target in _find_targets(target):
            job = running_drop(drop_target)
            if job is None:
                job = start_drop(drop_target, by=None, at=database_time(), dry_run=dry_run, rewrites=rewrite)
            elif job.dry_run != dry_run or rewrite:
                raise CommandError(f"Job {job.pk} still drops to {drop_target}. Wait for its end, or cancel it.")
            else:
                self.stdout.write(f"Job {job.pk} to {drop_target} continues.")
            try:
                # Works on the job here, next to the workers, and shows the progress.
                call_command("run_jobs", job=job.pk, stdout=self.stdout, stderr=self.stderr)
            except CommandError:
                failures.append(str(drop_target))
            self._print_findings(job.pk)
        if failures:
            raise CommandError(f"The drop to {', '.join(failures)} failed; the files that were published stay valid.")

    def _print_findings(self, job_id: int) -> None:
        job = Job.objects.get(pk=job_id)
        for row in job_result_rows(job, DATA_DROP):
            self.stdout.write("  ".join(cell for cell in row if cell))
        for item in job.items.exclude(error="").order_by("number")[:20]:
            self.stderr.write(item.error)


def _find_targets(name: str | None) -> list[DropTarget]:
    if name is None:
        targets = list(DropTarget.objects.filter(is_enabled=True).order_by("pk"))
        if not targets:
            raise CommandError("No drop target is enabled. Add one in the admin under Settings.")
        return targets
    target = DropTarget.objects.filter(name=name).first()
    if target is None:
        names = ", ".join(DropTarget.objects.order_by("name").values_list("name", flat=True)[:20]) or "none"
        raise CommandError(f"There is no drop target “{name}”. There are: {names}.")
    return [target]
