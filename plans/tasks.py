"""What time does to plans."""

from celery import shared_task

from lib.task_clock import database_time
from plans.publishing import publication


@shared_task
def publish_due() -> int:
    """Move scheduled versions to live when their moment comes; harmless to run twice."""
    return publication.publish_due(at=database_time())
