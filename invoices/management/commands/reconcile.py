"""Compare a provider's books with ours."""

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from invoices.models.payment_attempts import ProviderName
from invoices.payments.providers import Misconfigured, OutcomeUnknown
from invoices.payments.reconciliation import reconcile
from lib.task_clock import database_time


class Command(BaseCommand):
    help = "Say what a payment provider and we know differently; the exit status is the number of differences."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", required=True, help="from when on, such as 2026-10-01; UTC")
        parser.add_argument("--until", help="until when; now if not given")
        parser.add_argument("--provider", default=ProviderName.STRIPE, choices=[ProviderName.STRIPE])
        parser.add_argument("--settle", action="store_true", help="record what the provider has settled")

    def handle(self, *args: Any, **options: Any) -> None:
        at = database_time()
        start, end = parse_time(options["since"]), parse_time(options["until"]) if options["until"] else at
        count = 0
        try:
            for difference in reconcile(
                provider_name=options["provider"], start=start, end=end, at=at, records_outcomes=options["settle"]
            ):
                count += 1
                facts = {name: value for name, value in asdict(difference).items() if name != "what"}
                details = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
                self.stdout.write(f"{difference.description}: {details}")
        except (OutcomeUnknown, Misconfigured) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{count} differences")
        if count:
            sys.exit(min(count, 100))


def parse_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"“{text}” is no time: write it like 2026-10-01 or 2026-10-01T12:00:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
