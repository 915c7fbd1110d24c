"""`manage.py erase_customer`: erase the personal data of a customer."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.privacy import ErasureRefused, erase, find_erasure_blockers
from customers.models import Customer


class Command(BaseCommand):
    help = "Erase what is personal of a customer; documents and the ledger stay. It cannot be undone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("customer", help="its external id")
        parser.add_argument("--sandbox", action="store_true", help="a sandbox customer")
        parser.add_argument("--dry-run", action="store_true", help="only say what stands against it")

    def handle(self, *, customer: str, sandbox: bool, dry_run: bool, **options: Any) -> None:
        customer_row = Customer.objects.filter(external_id=customer, sandbox=sandbox).first()
        if customer_row is None:
            raise CommandError(f"There is no customer “{customer}”.")
        if dry_run:
            self.stdout.write("\n".join(find_erasure_blockers(customer_row)) or "Nothing stands against it.")
            return
        try:
            result = erase(customer_id=customer_row.pk, at=timezone.now())
        except ErasureRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Erased: it goes on as {result.name}; {result.events:,} events were stripped.")
