"""`manage.py close_periods`: bill everything that is due, with progress, and say what came of it."""

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
MOST_WORKERS = 32
MOST_SHOWN = 20


def parse_moment(text: str) -> datetime:
    """Return a moment written in ISO 8601, in UTC where it names no zone."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Close every period that is due, and issue the invoices. May run at any time, and several times at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--at", type=parse_moment, help="the time to close at, such as 2026-02-01T01:00Z; now by default"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be issued, and issue nothing")
        parser.add_argument(
            "--job", dest="as_job", action="store_true", help="as a job that the admin shows and workers share"
        )
        parser.add_argument("--workers", type=int, default=1, help="processes to share the work between (1)")
        parser.add_argument(
            "--json", dest="as_json", action="store_true", help="print one JSON document and no progress"
        )

    def handle(
        self, *, at: datetime | None, dry_run: bool, as_job: bool, workers: int, as_json: bool, **options: Any
    ) -> None:
        """Exit 0 if all that was due is closed, 1 if a period failed or is left for the next run."""
        if not 1 <= workers <= MOST_WORKERS:
            raise CommandError(f"--workers {workers} is out of bounds: choose 1 to {MOST_WORKERS}.")
        at = at or database_time()
        if as_job:
            self._run(at, dry_run=dry_run)
            return
        if dry_run:
            self._preview(at)
            return
        result = self._share(at, workers) if workers > 1 else CloseSummary()
        result.add(self._close(at, is_silent=as_json))
        self._report(result, at, as_json=as_json)

    def _run(self, at: datetime, *, dry_run: bool) -> None:
        """Close what is due by `at` as a job, dated by the clock, and help with it until it is done."""
        try:
            job = start_invoice_run(until=at, at=database_time(), by=None, dry_run=dry_run)
        except InvoiceRunRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        call_command("run_jobs", job=job.pk, stdout=self.stdout, stderr=self.stderr)

    def _close(self, at: datetime, *, is_silent: bool) -> CloseSummary:
        done = CloseSummary()
        if is_silent:
            done = close_due(at=at)
        else:
            with show_progress("closing", Period.objects.due(at).count(), out=self.stdout) as tell:

                def show(part: CloseSummary) -> None:
                    done.add(part)
                    tell(done.closed + len(done.failed))

                close_due(at=at, on_progress=show)
        done.add(bill_late_usage(at=at))
        return done

    def _share(self, at: datetime, workers: int) -> CloseSummary:
        """Let so many processes close at once, and return what they came to; this one then sees to what they left."""
        manage = str(settings.BASE_DIR / "manage.py")
        command = [sys.executable, manage, "close_periods", "--at", at.isoformat(), "--json"]
        running = [subprocess.Popen(command, stdout=PIPE, stderr=DEVNULL, text=True) for _ in range(workers)]
        total = Period.objects.due(at).count()
        with show_progress("closing", total, out=self.stdout) as tell:
            while any(process.poll() is None for process in running):
                time.sleep(SECONDS_BETWEEN_LOOKS)
                tell(max(total - Period.objects.due(at).count(), 0))
        result = CloseSummary()
        for process in running:
            printed = json.loads(process.communicate()[0] or "{}")
            failed = [CloseFailure(**failure) for failure in printed.pop("failed", [])]
            # What one of them left because others were at it, is not left any more.
            result.add(CloseSummary(**{**printed, "busy": 0}, failed=failed))
        return result

    def _preview(self, at: datetime) -> None:
        due = Period.objects.due(at).select_related("subscription").order_by("due_at", "id")
        total = due.count()
        amounts: dict[str, Decimal] = defaultdict(Decimal)
        documents = notes = failed = 0
        with show_progress("previewing", total, out=self.stdout) as tell:
            for number, period in enumerate(due.iterator(), start=1):
                try:
                    draft = preview(at=at, period=period)
                except Exception as error:
                    failed += 1
                    self.stderr.write(f"  period {period.pk} of {period.subscription} would fail: {error}")
                else:
                    documents += not draft.is_zero
                    amounts[draft.currency] += draft.totals.total
                    notes += len(draft.credit_notes)
                tell(number)
        sums = ", ".join(f"{amount:,} {currency}" for currency, amount in sorted(amounts.items())) or "nothing"
        self.stdout.write(f"{total:,} periods are due at {at}: {documents:,} invoices over {sums}.")
        if notes:
            self.stdout.write(f"{notes:,} credit notes would go out with them.")
        if failed:
            raise CommandError(f"{failed:,} periods would fail.")

    def _report(self, result: CloseSummary, at: datetime, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(asdict(result)))
        else:
            self.stdout.write(
                f"{result.closed:,} periods closed at {at}: {result.issued:,} invoices issued, {result.skipped:,} had"
                f" nothing due; late usage of {result.late_billed:,} periods billed, of {result.late_left:,} left;"
                f" {result.credited:,} credit notes."
            )
        for failure in result.failed[:MOST_SHOWN]:
            self.stderr.write(f"  period {failure.period_id} failed: {failure.error}")
        if result.failed:
            raise CommandError(f"{len(result.failed):,} periods failed; they are tried again later.")
        if result.busy:
            raise CommandError(f"{result.busy:,} periods were in use; run this again.")
