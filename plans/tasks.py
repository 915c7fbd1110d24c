"""Scheduled tasks of plans."""

from celery import shared_task

from lib.task_clock import database_time
from plans.publishing import publication


@shared_task(name="plans.publish_due_versions")
def publish_due_versions() -> int:
    """Make scheduled versions live on their date; safe to repeat."""
    return publication.publish_due(at=database_time())
