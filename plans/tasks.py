"""Scheduled tasks of plans."""

from celery import shared_task

from lib.task_clock import database_time
from plans.publishing import publication


@shared_task
def publish_due() -> int:
    """Set scheduled versions to live at their start; safe to repeat."""
    return publication.publish_due(at=database_time())
