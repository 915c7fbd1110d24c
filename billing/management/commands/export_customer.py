"""`manage.py export_customer`: all data of a customer as one file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.privacy import export
from customers.models import Customer


class Command(BaseCommand):
    help = "Export a customer's data to a ZIP file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("customer", help="external ID")
        parser.add_argument("file", type=Path, help="path of the file")
        parser.add_argument("--sandbox", action="store_true", help="look among the sandbox customers")

    def handle(self, *, customer: str, file: Path, sandbox: bool, **options: Any) -> None:
        customer_row = Customer.objects.filter(external_id=customer, sandbox=sandbox).first()
        if customer_row is None:
            raise CommandError(f"No customer “{customer}” exists.")
        with file.open("wb") as stream:
            export(customer_row, stream)
        self.stdout.write(f"Written to {file}.")
