"""`manage.py accrue_revenue`: compute the revenue that periods have earned and no line accounts for yet."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.revenue.accruals.accrual_run import AccrualCounts, accrue
from billing.revenue.ledger.books import SellerBooks, read_books
from customers.models import Seller
from lib.task_clock import database_time


class Command(BaseCommand):
    help = (
        "Compute the accruals that are due: revenue that billing periods have earned by the end of a month and that"
        " no invoice accounts for. Safe to run at any time, to interrupt, and in several processes at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seller", help="only the seller with this code")
        parser.add_argument("--month", help="only this month, such as 2026-01; default: all open months")
        parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON document")

    def handle(self, *, seller: str | None, month: str | None, as_json: bool, **options: Any) -> None:
        """Exit 0 if everything due is computed, 1 if a period can't be rated."""
        sellers = Seller.objects.order_by("pk").filter(**({"code": seller} if seller is not None else {}))
        if seller is not None and not sellers:
            raise CommandError(f"--seller {seller} is no seller's code.")
        at, counts = database_time(), AccrualCounts()
        for each in sellers:
            books = read_books(each, at=at)
            counts.add(accrue(books, at=at, months=_places(books, month)))
        if as_json:
            self.stdout.write(json.dumps(asdict(counts)))
        else:
            self.stdout.write(f"{counts.computed:,} accruals computed.")
        if counts.failed:
            raise CommandError(f"{counts.failed:,} periods can't be rated; their accruals name the errors.")


def _places(books: SellerBooks, month: str | None) -> tuple[int, int] | None:
    if month is None:
        return None
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise CommandError(f"--month {month} is not a month such as 2026-01.") from None
    # A seller whose books don't contain the month has nothing to compute.
    return (books.place_of(first), books.place_of(first)) if first in books.months else (1, 0)
