"""What time does to invoices."""

from dataclasses import asdict
from time import monotonic

from celery import shared_task

from invoices.documents.past_due import mark_overdue as mark
from invoices.payments import attempts
from invoices.payments.dunning.dunning_run import dun
from invoices.payments.provider_webhooks.event_followup import follow_events
from invoices.payments.refunds import refund as refunds
from invoices.rendering import renderer
from lib.task_clock import database_time

SECONDS = 45
"""How long one task goes on; the next one takes over."""


@shared_task
def render_due() -> dict[str, int]:
    """Make the files of issued invoices; harmless to run twice, or on several workers at once."""
    return asdict(renderer.render_due(at=database_time()))


@shared_task
def charge_customers() -> dict[str, int]:
    """Charge what is due and find out what came of charges; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + SECONDS
    return asdict(attempts.sweep(at=database_time(), keep_going=lambda: monotonic() < stop_at))


@shared_task
def send_refunds() -> int:
    """Send refunds and find out what came of them; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + SECONDS
    return refunds.sweep(at=database_time(), keep_going=lambda: monotonic() < stop_at)


@shared_task
def follow_provider_events() -> int:
    """Follow what providers have told; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + SECONDS
    return follow_events(at=database_time(), keep_going=lambda: monotonic() < stop_at)


@shared_task
def take_dunning_steps() -> int:
    """Take the steps that are due for what is overdue; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + SECONDS
    return dun(at=database_time(), keep_going=lambda: monotonic() < stop_at)


@shared_task
def mark_overdue() -> int:
    """Mark invoices whose day is over; harmless to run twice, or on several workers at once."""
    return mark(at=database_time())
