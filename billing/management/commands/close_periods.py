"""`manage.py close_periods`: bill everything that is due, with progress and a summary."""

import json
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from subprocess import DEVNULL, PIPE
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from billing.closing import CloseFailure, CloseSummary, bill_late_usage, close_due, preview
from billing.closing.invoice_run_job import InvoiceRunRefused, start_invoice_run
from billing.models import Period
from lib.progress_bar import show_progress
from lib.task_clock import database_time

SECONDS_BETWEEN_LOOKS = 0.5
# Each worker is a process with a database connection of its own.
MAX_WORKERS = 32
MAX_SHOWN = 20


def parse_moment(text: str) -> datetime:
    """Parse a time in ISO 8601; it is in UTC if it has no time zone."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = (
        "Close every period that is due, and issue the invoices. Safe to run at any time, and in several"
        " processes at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--at", type=parse_moment, help="time of the run, such as 2026-02-01T01:00Z; default: now"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="print the invoices that would be issued, and issue none"
        )
        parser.add_argument(
            "--job",
            dest="as_job",
            action="store_true",
            help="run as a job that the admin shows and the workers share",
        )
        parser.add_argument("--workers", type=int, default=1, help="number of processes (1)")
        parser.add_argument(
            "--json", dest="as_json", action="store_true", help="print one JSON document and no progress"
        )

    def handle(
        self, *, at: datetime | None, dry_run: bool, as_job: bool, workers: int, as_json: bool, **options: Any
    ) -> None:
        """Exit 0 if everything due is closed, 1 if a period failed or is left for the next run."""
        if not 1 <= workers <= MAX_WORKERS:
            raise CommandError(f"--workers {workers} is out of range; choose 1 to {MAX_WORKERS}.")
        at = at or database_time()
        if as_job:
            self._run(at, dry_run=dry_run)
            return
        if dry_run:
            self._preview(at)
            return
        summary = self._share(at, workers) if workers > 1 else CloseSummary()
        summary.add(self._close(at, is_silent=as_json))
        self._report(summary, at, as_json=as_json)

    def _run(self, at: datetime, *, dry_run: bool) -> None:
        """Close the periods due by `at` as a job that is dated by the clock, and work on it until it is done."""
        try:
            job = start_invoice_run(until=at, at=database_time(), by=None, dry_run=dry_run)
        except InvoiceRunRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        # Works on the job here, next to the workers, and shows the progress.
        call_command("run_jobs", job=job.pk, stdout=self.stdout, stderr=self.stderr)

    def _close(self, at: datetime, *, is_silent: bool) -> CloseSummary:
        summary = CloseSummary()
        if is_silent:
            summary = close_due(at=at)
        else:
            with show_progress("closing", Period.objects.due(at).count(), out=self.stdout) as show_count:

                def show(part: CloseSummary) -> None:
                    summary.add(part)
                    show_count(summary.closed + len(summary.failed))

                close_due(at=at, on_progress=show)
        summary.add(bill_late_usage(at=at))
        return summary

    def _share(self, at: datetime, workers: int) -> CloseSummary:
        """
        Close periods in several processes at once, and return their summed result; this process then closes the rest.
        """
        manage = str(settings.BASE_DIR / "manage.py")
        # Processes, not threads, so that they use several cores.
        command = [sys.executable, manage, "close_periods", "--at", at.isoformat(), "--json"]
        running = [subprocess.Popen(command, stdout=PIPE, stderr=DEVNULL, text=True) for _ in range(workers)]
        total = Period.objects.due(at).count()
        with show_progress("closing", total, out=self.stdout) as show_count:
            while any(process.poll() is None for process in running):
                time.sleep(SECONDS_BETWEEN_LOOKS)
                show_count(max(total - Period.objects.due(at).count(), 0))
        summary = CloseSummary()
        for process in running:
            printed = json.loads(process.communicate()[0] or "{}")
            failed = [CloseFailure(**failure) for failure in printed.pop("failed", [])]
            # Periods that one process left because another one held them are closed by now.
            summary.add(CloseSummary(**{**printed, "busy": 0}, failed=failed))
        return summary

    def _preview(self, at: datetime) -> None:
        due = Period.objects.due(at).select_related("subscription").order_by("due_at", "id")
        total = due.count()
        amounts: dict[str, Decimal] = defaultdict(Decimal)
        invoices = notes = failed = 0
        with show_progress("previewing", total, out=self.stdout) as show_count:
            for number, period in enumerate(due.iterator(), start=1):
                try:
                    draft = preview(at=at, period=period)
                except Exception as error:
                    failed += 1
                    self.stderr.write(f"  period {period.pk} of {period.subscription} would fail: {error}")
                else:
                    invoices += not draft.is_zero
                    amounts[draft.currency] += draft.totals.total
                    notes += len(draft.credit_notes)
                show_count(number)
        sums = ", ".join(f"{amount:,} {currency}" for currency, amount in sorted(amounts.items())) or "nothing"
        self.stdout.write(f"{total:,} periods are due at {at}: {invoices:,} invoices over {sums}.")
        if notes:
            self.stdout.write(f"{notes:,} credit notes would be issued with them.")
        if failed:
            raise CommandError(f"{failed:,} periods would fail.")

    def _report(self, summary: CloseSummary, at: datetime, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(asdict(summary)))
        else:
            self.stdout.write(
                f"{summary.closed:,} periods closed at {at}: {summary.issued:,} invoices issued,"
                f" {summary.skipped:,} without an invoice; late usage of {summary.late_billed:,} periods billed,"
                f" of {summary.late_left:,} left; {summary.credited:,} credit notes."
            )
        for failure in summary.failed[:MAX_SHOWN]:
            self.stderr.write(f"  period {failure.period_id} failed: {failure.error}")
        if summary.failed:
            raise CommandError(f"{len(summary.failed):,} periods failed; they will be retried.")
        if summary.busy:
            raise CommandError(f"{summary.busy:,} periods were locked; run this again.")
