"""Background tasks. Each task reads its due work from tables, so a lost task message is harmless."""

from dataclasses import asdict
from time import monotonic

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from customers.api_keys import idempotency
from customers.customer_time import database_time
from customers.notifications.delivery_run import deliver
from customers.notifications.fan_out import fan_out
from customers.notifications.retention import delete_old_notifications
from customers.portal_auth import link_email, retention

TELLING_SECONDS = 45
"""Time during which one task starts new messages; then the next run continues, so that other tasks get their turn."""


@shared_task
def tell() -> dict[str, int]:
    """Fan out and deliver notifications; safe to repeat and to run concurrently."""
    stop_at = monotonic() + TELLING_SECONDS
    handed_out = 0
    while monotonic() < stop_at and (fanned_out := fan_out(at=database_time())):
        handed_out += fanned_out
    totals = deliver(clock=database_time, keep_going=lambda: monotonic() < stop_at)
    return {"handed_out": handed_out, **asdict(totals)}


@shared_task
def forget_old_notices() -> int:
    """Delete old notifications and their deliveries."""
    return delete_old_notifications(at=database_time())


@shared_task
def forget_old_answers() -> int:
    """Delete responses stored for Idempotency-Keys that are older than a day."""
    return idempotency.purge(at=timezone.now())


@shared_task
def mail_portal_links() -> int:
    """Email the requested portal links."""
    return link_email.mail_due(at=timezone.now())


@shared_task
def forget_old_portal_links() -> int:
    """Delete old portal links and sessions."""
    return retention.delete_old_access_records(at=timezone.now())


def wake_mail_worker() -> None:
    """Ask a worker to mail portal links now; without a broker, beat asks within seconds."""
    try:
        mail_portal_links.delay()
    except OperationalError:
        return
