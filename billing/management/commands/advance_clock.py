"""`manage.py advance_clock`: advance a test clock, and everything that depends on it, to a later time."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.management.commands.close_periods import parse_moment
from billing.simulation.sandbox import CannotAdvance, advance_clock, start_advance
from billing.simulation.sandbox.next_due import next_due_at
from customers.models import TestClock
from lib.progress_bar import show_progress
from lib.task_clock import database_time


class Command(BaseCommand):
    help = (
        "Advance a test clock to a time and process everything that falls due; without a time, resume an"
        " interrupted advance."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the test clock")
        parser.add_argument("--to", type=parse_moment, help="target time, such as 2027-01-01T00:00Z")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="print the next time at which something falls due, and change nothing",
        )

    def handle(self, *, name: str, to: datetime | None, dry_run: bool, **options: Any) -> None:
        """Exit 0 if the clock has arrived, 1 if a failure has stopped it."""
        clock = TestClock.objects.filter(name=name).first()
        if clock is None:
            raise CommandError(f"No test clock “{name}” exists.")
        if dry_run:
            due = next_due_at(clock.pk, after=clock.now)
            self.stdout.write(f"{clock} is at {clock.now}; something falls due next at {due or 'no time'}.")
            return
        if to is not None:
            try:
                clock = start_advance(clock_id=clock.pk, to=to, by=None, at=database_time())
            except CannotAdvance as error:
                raise CommandError(str(error)) from error
        self._go(clock)

    def _go(self, clock: TestClock) -> None:
        """Advance step by step; the progress bar counts hours."""
        hours = 0 if clock.target is None else int((clock.target - clock.now).total_seconds() // 3600)
        steps, started_at = 0, clock.now
        with show_progress("advancing", hours, out=self.stdout) as show_hours:
            while advance_clock(clock_id=clock.pk, max_steps=1):
                steps += 1
                clock.refresh_from_db()
                show_hours(int((clock.now - started_at).total_seconds() // 3600))
        clock.refresh_from_db()
        if clock.failure:
            raise CommandError(f"{clock} stopped at {clock.now}: {clock.failure}")
        if clock.target is not None:
            raise CommandError(f"{clock} is at {clock.now} and is being advanced by another process; run this again.")
        self.stdout.write(f"{clock} is at {clock.now}, after {steps:,} steps.")
