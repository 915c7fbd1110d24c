"""`manage.py export_books`: make the accounting files of a month, with progress and the unmapped amounts."""

from argparse import ArgumentParser
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from billing.job_kinds import KINDS
from billing.jobs.results import job_result_rows
from billing.models import Job
from billing.models.accounting_files import Target
from billing.models.jobs import JobState
from billing.revenue.accounting_files.job import ExportRefused, start_export
from customers.models import Seller
from lib.task_clock import database_time


def parse_month(text: str) -> date:
    """Parse a month such as 2026-01."""
    return date.fromisoformat(f"{text}-01")


def parse_rate(text: str) -> tuple[str, Decimal]:
    """
    Parse an exchange rate such as USD=1.0845.

    :raises ValueError: if it has another form.
    """
    currency, _, rate = text.partition("=")
    try:
        return currency, Decimal(rate)
    except InvalidOperation:
        raise ValueError(text) from None


class Command(BaseCommand):
    help = (
        "Make the accounting files of a month as a job: final ones of a locked month, or provisional ones of an open"
        " month. Can be interrupted and run again: final files are made once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--target", default="", choices=["", *Target.values], help="default: all that are set up")
        parser.add_argument("--month", type=parse_month, required=True, help="such as 2026-01")
        parser.add_argument("--seller", help="code of the seller; default: all sellers")
        parser.add_argument("--provisional", action="store_true", help="files of an open month, marked as such")
        parser.add_argument(
            "--rate",
            type=parse_rate,
            action="append",
            help="such as USD=1.0845, for DATEV; default: the stored rate of the month's last day",
        )
        parser.add_argument("--detail", action="store_true", default=None, help="an entry for each source")
        parser.add_argument("--dry-run", action="store_true", help="list the files and the unmapped amounts only")

    def handle(
        self,
        *,
        target: str,
        month: date,
        seller: str | None,
        provisional: bool,
        rate: list[tuple[str, Decimal]] | None,
        detail: bool | None,
        dry_run: bool,
        **options: Any,
    ) -> None:
        """Exit 0 if all files are made, 1 if an amount is unmapped or a target refuses one."""
        try:
            job = start_export(
                month=month,
                target=target,
                seller=_find_seller(seller) if seller else None,
                is_provisional=provisional,
                is_detailed=detail,
                exchange_rates=dict(rate or []),
                dry_run=dry_run,
                by=None,
                at=database_time(),
            )
        except ExportRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        try:
            # Works on the job here, next to the workers, and shows the progress.
            call_command("run_jobs", job=job.pk, stdout=self.stdout, stderr=self.stderr)
        finally:
            self._print_findings(Job.objects.get(pk=job.pk))

    def _print_findings(self, job: Job) -> None:
        for row in job_result_rows(job, KINDS[job.kind]):
            self.stdout.write("  ".join(cell for cell in row if cell))
        if job.state == JobState.DONE and not job.total:
            self.stdout.write("The month has no postings.")


def _find_seller(code: str) -> Seller:
    seller = Seller.objects.filter(code=code).first()
    if seller is None:
        codes = ", ".join(Seller.objects.order_by("code").values_list("code", flat=True)[:20])
        raise CommandError(f"There is no seller “{code}”. Choose one of {codes}.")
    return seller
