"""`manage.py reprocess_usage`: attribute unmatched usage again, with progress and a summary."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from billing.metering.ingest.reprocess import ReprocessCounts, reprocess
from billing.models import UnmatchedUsage
from lib.progress_bar import show_progress
from lib.task_clock import database_time


class Command(BaseCommand):
    help = (
        "Reprocess unmatched usage whose customer, meter, subscription or rate may exist by now. Safe to run at"
        " any time, and in several processes at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--customer", help="only events sent for this external ID")
        parser.add_argument("--event", help="only events with this name")
        parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON document")

    def handle(self, *, customer: str | None, event: str | None, as_json: bool, **options: Any) -> None:
        reports = UnmatchedUsage.objects.open()
        if customer is not None:
            reports = reports.filter(customer_ref=customer)
        if event is not None:
            reports = reports.filter(event_name=event)
        ids = None if customer is None and event is None else list(reports.values_list("id", flat=True))
        if as_json:
            self.stdout.write(json.dumps(asdict(reprocess(at=database_time(), report_ids=ids))))
            return
        with show_progress("replaying", reports.count(), out=self.stdout) as show_count:
            counts = ReprocessCounts()

            def show(part: ReprocessCounts) -> None:
                counts.add(part)
                show_count(counts.tried)

            reprocess(at=database_time(), report_ids=ids, progress=show)
        self.stdout.write(
            f"{counts.resolved:,} of {counts.tried:,} reports matched; {counts.left:,} remain unmatched."
        )
