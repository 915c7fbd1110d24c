"""Scheduled tasks of customers."""

from dataclasses import asdict
from datetime import datetime

from kombu.exceptions import OperationalError

from customers.api_keys import idempotency
from customers.notifications.delivery_run import deliver
from customers.notifications.fan_out import fan_out
from customers.notifications.retention import delete_old_notifications
from customers.portal_auth import link_email, retention
from lib.queue import Deadline
from lib.task_clock import BULK_SECONDS, database_time, due_task


def _dispatch(*, at: datetime, deadline: Deadline) -> dict[str, int]:
    """Assign new notifications to their recipients and deliver them."""
    handed_out = 0
    while deadline.has_time() and (batch := fan_out(at=database_time())):
        handed_out += batch
    return {"handed_out": handed_out, **asdict(deliver(clock=database_time, deadline=deadline))}


dispatch_notifications = due_task("customers.dispatch_notifications", _dispatch, seconds=BULK_SECONDS)
purge_notifications = due_task("customers.purge_notifications", delete_old_notifications)
purge_idempotency_keys = due_task("customers.purge_idempotency_keys", idempotency.purge)
mail_portal_links = due_task("customers.mail_portal_links", link_email.mail_due)
purge_portal_links = due_task("customers.purge_portal_links", retention.delete_old_access_records)


def wake_mail_worker() -> None:
    """Ask a worker to mail portal links now; without a broker, beat asks within seconds."""
    try:
        mail_portal_links.delay()
    except OperationalError:
        return
