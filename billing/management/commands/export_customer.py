"""`manage.py export_customer`: all data of a customer as one file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.privacy import export
from customers.models import Customer


class Command(BaseCommand):
    help = "Write all that is known of a customer into a ZIP file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("customer", help="its external id")
        parser.add_argument("file", type=Path, help="where to write")
        parser.add_argument("--sandbox", action="store_true", help="a sandbox customer")

    def handle(self, *, customer: str, file: Path, sandbox: bool, **options: Any) -> None:
        customer_row = Customer.objects.filter(external_id=customer, sandbox=sandbox).first()
        if customer_row is None:
            raise CommandError(f"There is no customer “{customer}”.")
        with file.open("wb") as stream:
            export(customer_row, stream)
        self.stdout.write(f"Written to {file}.")
