"""Compare a provider's payments and refunds with ours."""

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from invoices.models import MerchantAccount
from invoices.models.payment_attempts import ProviderName
from invoices.payments.providers import Misconfigured, OutcomeUnknown
from invoices.payments.reconciliation import reconcile
from lib.task_clock import database_time


class Command(BaseCommand):
    help = "Compare the payments and refunds of a provider with ours. The exit status is the number of differences."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", required=True, help="start, such as 2026-10-01 (UTC)")
        parser.add_argument("--until", help="end; now by default")
        parser.add_argument("--provider", default=ProviderName.STRIPE, choices=[ProviderName.STRIPE])
        parser.add_argument("--seller", metavar="CODE", help="reconcile this seller's own account")
        parser.add_argument("--settle", action="store_true", help="record the outcomes that the provider reports")

    def handle(self, *args: Any, **options: Any) -> None:
        at = database_time()
        start, end = parse_time(options["since"]), parse_time(options["until"]) if options["until"] else at
        count, merchant = 0, _find_merchant(options["seller"])
        try:
            for difference in reconcile(
                provider_name=options["provider"],
                merchant=merchant,
                start=start,
                end=end,
                at=at,
                records_outcomes=options["settle"],
            ):
                count += 1
                facts = {name: value for name, value in asdict(difference).items() if name != "description"}
                details = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
                self.stdout.write(f"{difference.description}: {details}")
        except (OutcomeUnknown, Misconfigured) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{count} difference{'' if count == 1 else 's'}")
        if count:
            sys.exit(min(count, 100))


def _find_merchant(code: str | None) -> MerchantAccount | None:
    if code is None:
        return None
    merchant = MerchantAccount.objects.filter(seller__code=code, closed_at__isnull=True).first()
    if merchant is None:
        raise CommandError(f"The seller “{code}” has no account of its own.")
    return merchant


def parse_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"“{text}” is not a time. Use the form 2026-10-01 or 2026-10-01T12:00:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
