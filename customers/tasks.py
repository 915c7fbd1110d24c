"""What workers do for this app. Each task looks in the tables for what is due, so one missed is no loss."""

from dataclasses import asdict
from time import monotonic

from celery import shared_task
from django.utils import timezone

from customers.api_keys import idempotency
from customers.customer_time import database_time
from customers.notifications.delivery_run import deliver
from customers.notifications.fan_out import fan_out
from customers.notifications.retention import delete_old_notifications
from customers.portal_auth import link_email, retention

TELLING_SECONDS = 45
"""How long one task begins new messages; the next one takes over, and other tasks have their turn in between."""


@shared_task
def tell() -> dict[str, int]:
    """Hand out what happened and send it; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + TELLING_SECONDS
    handed_out = 0
    while monotonic() < stop_at and (some := fan_out(at=database_time())):
        handed_out += some
    done = deliver(clock=database_time, keep_going=lambda: monotonic() < stop_at)
    return {"handed_out": handed_out, **asdict(done)}


@shared_task
def forget_old_notices() -> int:
    """Forget what was told long ago, and to whom."""
    return delete_old_notifications(at=database_time())


@shared_task
def forget_old_answers() -> int:
    """Forget the answers kept for Idempotency-Keys once they are older than a day."""
    return idempotency.purge(at=timezone.now())


@shared_task
def mail_portal_links() -> int:
    """Mail the links into the portal that were asked for."""
    return link_email.mail_due(at=timezone.now())


@shared_task
def forget_old_portal_links() -> int:
    """Forget who asked to come into the portal, and who was in, once that is long ago."""
    return retention.delete_old_access_records(at=timezone.now())
