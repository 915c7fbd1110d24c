"""`manage.py import_opening_balances`: enter the balances with which a seller's books begin, from a file."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.revenue.ledger.opening_balances import BalancesRefused, enter_balances, read_balances
from customers.models import Seller
from lib.tabular_files import FileRefused
from lib.task_clock import database_time


class Command(BaseCommand):
    help = (
        "Enter the balances with which a seller's books begin: CSV or XLSX with the columns currency, role and amount"
        " (debits less credits). They replace those that were entered before, until a month is locked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--seller", required=True, help="the seller's code")
        parser.add_argument("--month", required=True, help="the first month of the books, such as 2026-01")

    def handle(self, *, file: Path, seller: str, month: str, **options: Any) -> None:
        owner = Seller.objects.filter(code=seller).first()
        if owner is None:
            raise CommandError(f"--seller {seller} is no seller's code.")
        try:
            first = date.fromisoformat(f"{month}-01")
        except ValueError:
            raise CommandError(f"--month {month} is not a month such as 2026-01.") from None
        try:
            balances = read_balances(file.read_bytes(), name=file.name)
            enter_balances(seller=owner, month=first, balances=balances, by=None, at=database_time())
        except (OSError, FileRefused, BalancesRefused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(balances)} balances entered; the books of {owner} begin in {first:%B %Y}.")
