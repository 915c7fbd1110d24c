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
    help = "Advance a test clock to a time and do all that is due on the way; without a time, go on where it stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the clock is called")
        parser.add_argument("--to", type=parse_moment, help="where to, such as 2027-01-01T00:00Z")
        parser.add_argument("--dry-run", action="store_true", help="say when something is due next, and do nothing")

    def handle(self, *, name: str, to: datetime | None, dry_run: bool, **options: Any) -> None:
        """Exit 0 if the clock has arrived, 1 if a failure has stopped it."""
        clock = TestClock.objects.filter(name=name).first()
        if clock is None:
            raise CommandError(f"There is no test clock “{name}”.")
        if dry_run:
            due = next_due_at(clock.pk, after=clock.now)
            self.stdout.write(f"It is {clock.now} for {clock}; next something is due at {due or 'no time'}.")
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
            raise CommandError(f"{clock} is at {clock.now}, and somebody else works on it: run this again.")
        self.stdout.write(f"{clock} is at {clock.now}, after {steps:,} steps.")
