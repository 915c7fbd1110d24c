"""`manage.py evaluate_alerts`: evaluate the alert rules of customers with recent changes, now."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.limits.alerts.evaluation import evaluate_alerts
from billing.management.commands.close_periods import parse_moment
from lib.task_clock import database_time


class Command(BaseCommand):
    help = "Evaluate the alert rules of every customer whose usage or balance has changed: fire and recover alerts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--at", type=parse_moment, help="time of the evaluation, such as 2026-02-01T01:00Z; default: now"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")

    def handle(self, **options: Any) -> None:
        summary = evaluate_alerts(at=options["at"] or database_time())
        if options["json"]:
            self.stdout.write(json.dumps(asdict(summary)))
        else:
            self.stdout.write(
                f"Evaluated {summary.customers:,} customers: {summary.fired:,} alerts fired,"
                f" {summary.recovered:,} recovered."
            )
