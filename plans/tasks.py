"""What time does to plans."""

from celery import shared_task

from plans import publishing
from plans.clock import database_time


@shared_task
def publish_due() -> int:
    """Move scheduled versions to live when their moment comes; harmless to run twice."""
    return publishing.publish_due(at=database_time())
