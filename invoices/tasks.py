"""What time does to invoices."""

from dataclasses import asdict

from celery import shared_task

from invoices.falling_due import mark_overdue as mark
from invoices.rendering import making
from plans.clock import database_time


@shared_task
def render_due() -> dict[str, int]:
    """Make the files of issued invoices; harmless to run twice, or on several workers at once."""
    return asdict(making.render_due(at=database_time()))


@shared_task
def mark_overdue() -> int:
    """Mark invoices whose day is over; harmless to run twice, or on several workers at once."""
    return mark(at=database_time())
