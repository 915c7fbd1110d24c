"""Scheduled tasks of invoices."""

from dataclasses import asdict
from time import monotonic

from celery import shared_task

from invoices.documents.past_due import mark_overdue as mark
from invoices.payments import attempts
from invoices.payments.dunning.dunning_run import run_dunning
from invoices.payments.provider_webhooks.event_followup import process_events
from invoices.payments.refunds import refund as refunds
from invoices.rendering import renderer
from lib.task_clock import database_time

MAX_TASK_SECONDS = 45
"""How long one task runs; the next one continues its work."""


@shared_task
def render_due() -> dict[str, int]:
    """Render the PDF files of issued invoices; safe to repeat and to run on several workers at once."""
    return asdict(renderer.render_due(at=database_time()))


@shared_task
def charge_customers() -> dict[str, int]:
    """Charge due invoices and look up pending attempts; safe to repeat and to run on several workers at once."""
    stop_at = monotonic() + MAX_TASK_SECONDS
    return asdict(attempts.collect_due_payments(at=database_time(), keep_going=lambda: monotonic() < stop_at))


@shared_task
def send_refunds() -> int:
    """Send refunds and look up their outcomes; safe to repeat and to run on several workers at once."""
    stop_at = monotonic() + MAX_TASK_SECONDS
    return refunds.submit_due_refunds(at=database_time(), keep_going=lambda: monotonic() < stop_at)


@shared_task
def follow_provider_events() -> int:
    """Process the events of providers; safe to repeat and to run on several workers at once."""
    stop_at = monotonic() + MAX_TASK_SECONDS
    return process_events(at=database_time(), keep_going=lambda: monotonic() < stop_at)


@shared_task
def take_dunning_steps() -> int:
    """Take the dunning steps that are due; safe to repeat and to run on several workers at once."""
    stop_at = monotonic() + MAX_TASK_SECONDS
    return run_dunning(at=database_time(), keep_going=lambda: monotonic() < stop_at)


@shared_task
def mark_overdue() -> int:
    """Mark invoices past their due date as overdue; safe to repeat and to run on several workers at once."""
    return mark(at=database_time())
