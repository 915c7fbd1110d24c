"""What workers do for this app."""

from celery import shared_task
from django.utils import timezone

from customers.access import idempotency


@shared_task
def forget_old_answers() -> int:
    """Forget the answers kept for Idempotency-Keys once they are older than a day."""
    return idempotency.purge(at=timezone.now())
