"""`manage.py create_partitions`: create the tables of the coming months, with the owner's login."""

from typing import Any

from django.core.management.base import BaseCommand

from billing.revenue.ledger.posting_table import create_partitions, has_postings_table, months_due
from lib.task_clock import database_time


class Command(BaseCommand):
    help = (
        "Create the partitions of postings for this month and the three after it, where they are missing. Runs with"
        " the owner's login, daily, and at the end of each migrate. Safe to repeat."
    )

    def handle(self, **_: Any) -> None:
        if has_postings_table():  # a migration may stop before the one that creates it
            create_partitions(months_due(database_time().date()))
