"""`manage.py erase_customer`: erase the personal data of a customer."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.privacy import ErasureRefused, erase, find_erasure_blockers
from customers.models import Customer


class Command(BaseCommand):
    help = "Erase a customer's personal data; invoices and the ledger are kept. This can't be undone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("customer", help="external ID")
        parser.add_argument("--sandbox", action="store_true", help="look among the sandbox customers")
        parser.add_argument("--dry-run", action="store_true", help="only print the reasons that prevent it")

    def handle(self, *, customer: str, sandbox: bool, dry_run: bool, **options: Any) -> None:
        customer_row = Customer.objects.filter(external_id=customer, sandbox=sandbox).first()
        if customer_row is None:
            raise CommandError(f"No customer “{customer}” exists.")
        if dry_run:
            self.stdout.write("\n".join(find_erasure_blockers(customer_row)) or "Nothing prevents the erasure.")
            return
        try:
            result = erase(customer_id=customer_row.pk, at=timezone.now())
        except ErasureRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"Erased; the customer is now {result.name}. Personal data was removed from {result.events:,} events."
        )
