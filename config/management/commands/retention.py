"""`manage.py retention`: the kinds of data that leave after some time, and for how long each is kept."""

from typing import Any

from django.core.management.base import BaseCommand

from billing.models import EventRemoval
from billing.privacy.event_removal import count_customers_due, has_unfinished_readers
from config.retention import KINDS
from lib.task_clock import database_time


class Command(BaseCommand):
    help = "List the kinds of data with the time for which each is kept, and up to when events have left."

    def handle(self, **options: Any) -> None:
        for kind in KINDS:
            kept = f"{kind.kept} {kind.unit}" if kind.kept else "permanently"
            self.stdout.write(f"{kind.name:44} {kept:14} {kind.variable}")
        removals = EventRemoval.objects.order_by("-until")
        if latest := removals.first():
            self.stdout.write(f"\nEvents up to {latest.until:%Y-%m-%d %H:%M} UTC at the latest have left.")
        if count := removals.filter(finished_at__isnull=True).count():
            self.stdout.write(
                f"{count} removals of events are not finished; the next run of the task continues them."
            )
        if has_unfinished_readers():
            self.stdout.write(
                "No events leave until the simulations and plan migrations that are running have ended."
            )
        self.stdout.write(
            f"{count_customers_due(at=database_time())} customers can be looked at for events to remove."
        )
