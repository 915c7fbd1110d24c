"""`manage.py import_exchange_rates`: import the reference rates of the European Central Bank from a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from customers.exchange_rates.ecb_file import RatesRefused, read_ecb_file
from customers.exchange_rates.stored_rates import ECB, import_rates


class Command(BaseCommand):
    help = (
        "Import exchange rates: the ECB's CSV, its zip archive, or its XML. Stored rates are skipped, so the import"
        " may be stopped and run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", default=ECB, help="who published the rates; default: ECB")
        parser.add_argument("--reason", default="", help="why stored rates change")
        parser.add_argument("--dry-run", action="store_true", help="report the result without storing anything")

    def handle(self, *, file: Path, source: str, reason: str, dry_run: bool, **options: Any) -> None:
        try:
            rates = read_ecb_file(file.read_bytes())
            imported = import_rates(rates, source=source, reason=reason, at=timezone.now(), dry_run=dry_run)
        except (OSError, RatesRefused) as error:
            raise CommandError(str(error)) from error
        verb = "Would store" if dry_run else "Stored"
        self.stdout.write(
            f"{verb} {imported.new} new and {imported.corrected} corrected rates;"
            f" {imported.same} were stored already."
        )
