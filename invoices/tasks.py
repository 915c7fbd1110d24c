"""Scheduled tasks of invoices. Each reads its due work from tables, so a lost run is harmless and a repeat safe."""

from collections.abc import Callable
from dataclasses import asdict
from time import monotonic

from celery import shared_task

from invoices.documents import past_due
from invoices.payments import attempts
from invoices.payments.dunning import dunning_run
from invoices.payments.provider_webhooks.event_followup import process_events
from invoices.payments.refunds.refund import submit_due_refunds
from invoices.rendering import renderer
from lib.task_clock import database_time

MAX_TASK_SECONDS = 45
"""How long a run lasts; the next one continues."""


def _until_time_is_up() -> Callable[[], bool]:
    stop_at = monotonic() + MAX_TASK_SECONDS
    return lambda: monotonic() < stop_at


@shared_task(name="invoices.render_due")
def render_due() -> dict[str, int]:
    """Render the PDF files of issued invoices."""
    return asdict(renderer.render_due(at=database_time()))


@shared_task(name="invoices.collect_payments")
def collect_payments() -> dict[str, int]:
    """Charge due invoices, and look up the outcome of pending payment attempts."""
    return asdict(attempts.collect_due_payments(at=database_time(), should_continue=_until_time_is_up()))


@shared_task(name="invoices.submit_refunds")
def submit_refunds() -> int:
    """Submit due refunds, and look up their outcomes."""
    return submit_due_refunds(at=database_time(), should_continue=_until_time_is_up())


@shared_task(name="invoices.process_provider_events")
def process_provider_events() -> int:
    """Process the events that payment providers sent."""
    return process_events(at=database_time(), should_continue=_until_time_is_up())


@shared_task(name="invoices.run_dunning")
def run_dunning() -> int:
    """Take the dunning steps that are due."""
    return dunning_run.run_dunning(at=database_time(), should_continue=_until_time_is_up())


@shared_task(name="invoices.mark_past_due")
def mark_past_due() -> int:
    """Mark invoices whose due date has passed as past due."""
    return past_due.mark_overdue(at=database_time())
