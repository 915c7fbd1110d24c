"""Processes that charge customers, refund them and process Stripe's events, until they are killed."""

import logging
import multiprocessing
import random
import time
from datetime import datetime, timedelta
from multiprocessing.context import ForkProcess
from pathlib import Path

from django.db import connection

from invoices.models import ProviderEvent
from invoices.payments import attempts
from invoices.payments.provider_webhooks.event_followup import EVENTS, process_event
from invoices.payments.providers import stripe
from invoices.payments.refunds import refund as refunding
from lib.task_clock import database_time
from tests.prove.handshake import Handshake
from tests.prove.processes import kill
from tests.stripe.server import HANGS_SECONDS

PATIENCE_SECONDS = HANGS_SECONDS / 4
"""How long a worker waits for a response: shorter than a request that hangs."""

ASKED = ("charge.before_asking", "charge.after_asking")
SENT_BACK = ("refund.before_asking", "refund.after_asking")
HEARD = "event.before_done"


class CampaignClock:
    """The campaign's clock, ahead of the database's: work that waits an hour is due when the campaign decides."""

    def __init__(self, folder: Path) -> None:
        self._ahead = folder / "ahead"
        self._ahead.write_text("0")

    def advance(self, by: timedelta) -> None:
        unfinished = self._ahead.with_suffix(".new")
        unfinished.write_text(str(self.ahead + by.total_seconds()))
        unfinished.rename(self._ahead)

    @property
    def ahead(self) -> float:
        return float(self._ahead.read_text())

    def now(self) -> datetime:
        return database_time() + timedelta(seconds=self.ahead)

    def seconds(self) -> float:
        """Return seconds since 1970, for Stripe."""
        return time.time() + self.ahead


class WorkerPool:
    """Several processes that do the same work concurrently. died: exit statuses of those that were not killed."""

    def __init__(self, many: int, hours: CampaignClock) -> None:
        self.died: list[int | None] = []
        self._hours, self._handshake = hours, Handshake()
        connection.close()
        self._running = [self._start() for _ in range(many)]

    def _start(self) -> ForkProcess:
        process = multiprocessing.get_context("fork").Process(target=_work, args=(self._hours,), daemon=True)
        process.start()
        return process

    def aim(self, window: str) -> None:
        """Make the next process that reaches a window wait there to be killed."""
        self._handshake.order(window)

    def strike(self, *, seconds: float) -> bool:
        """
        Kill the process that reached the window, and start another one; return whether a process reached it in time.
        """
        arrived = self._handshake.arrival(seconds=seconds)
        if arrived is None or not arrived.is_still_there:
            return False
        kill(arrived.pid)
        connection.close()
        for place, process in enumerate(self._running):
            if process.pid == arrived.pid:
                process.join()
                self._running[place] = self._start()
        return True

    def stop(self) -> None:
        self.died += [process.exitcode for process in self._running if not process.is_alive()]
        for process in self._running:
            process.kill()
            process.join()


def _work(hours: CampaignClock) -> None:
    logging.disable(logging.CRITICAL)
    stripe.TIMEOUT_SECONDS = PATIENCE_SECONDS  # type: ignore[assignment]
    chance = random.Random()
    while True:
        steps = [
            lambda: attempts.collect_due_payments(at=hours.now()),
            lambda: refunding.submit_due_refunds(at=hours.now()),
            lambda: _process_events(hours),
        ]
        chance.shuffle(steps)
        for step in steps:
            step()
        time.sleep(chance.uniform(0, 0.05))


def _process_events(hours: CampaignClock) -> None:
    # Web stores events by the true clock, so all are due at once, also those about attempts that are created after a
    # run began. Each is processed at a time read after it arrived: an outcome is not earlier than its attempt.
    for event_id in ProviderEvent.objects.filter(EVENTS.unfinished, next_at__isnull=False).values_list(
        "pk", flat=True
    ):
        process_event(event_id=event_id, at=hours.now())
