"""Scheduled tasks of customers. Each reads its due work from tables, so a lost run is harmless and a repeat safe."""

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

MAX_DISPATCH_SECONDS = 45
"""How long a run starts deliveries; other tasks get their turn before the next run continues."""


@shared_task(name="customers.dispatch_notifications")
def dispatch_notifications() -> dict[str, int]:
    """Assign new notifications to their recipients and deliver them."""
    stop_at = monotonic() + MAX_DISPATCH_SECONDS
    handed_out = 0
    while monotonic() < stop_at and (batch := fan_out(at=database_time())):
        handed_out += batch
    deliveries = deliver(clock=database_time, should_continue=lambda: monotonic() < stop_at)
    return {"handed_out": handed_out, **asdict(deliveries)}


@shared_task(name="customers.purge_notifications")
def purge_notifications() -> int:
    """Delete old notifications and their deliveries."""
    return delete_old_notifications(at=database_time())


@shared_task(name="customers.purge_idempotency_keys")
def purge_idempotency_keys() -> int:
    """Delete the answers of idempotency keys that are older than a day."""
    return idempotency.purge(at=timezone.now())


@shared_task(name="customers.mail_portal_links")
def mail_portal_links() -> int:
    """Email the requested links into the portal."""
    return link_email.mail_due(at=timezone.now())


@shared_task(name="customers.purge_portal_links")
def purge_portal_links() -> int:
    """Delete old portal links and sessions."""
    return retention.delete_old_access_records(at=timezone.now())


def wake_mail_worker() -> None:
    """Ask a worker to mail portal links now; without a broker, beat asks within seconds."""
    try:
        mail_portal_links.delay()
    except OperationalError:
        return
