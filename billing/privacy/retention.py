"""
Let go of what was kept for long enough: docs/personal-data.md#retention.

Notices, jobs and answers have tasks of their own; here are customers whose last subscription ended long ago, where
requests of long ago were addressed to, and what payment providers told then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Max

from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.privacy.erasure import ErasureRefused, erase
from customers.models import Customer
from invoices.models import ProviderEvent
from invoices.models.payment_attempts import ProviderName

BATCH_SIZE = 100


@dataclass(slots=True)
class RetentionResult:
    """erased: customers. kept: customers whose time is over, and of whom something runs, is due or is left."""

    erased: int = 0
    kept: int = 0
    addresses: int = 0
    messages: int = 0


def apply_retention(*, at: datetime, keep_going: Callable[[], bool] = lambda: True) -> RetentionResult:
    """Erase and forget what settings say; harmless to run twice. Nothing is, for a setting of 0 days."""
    done = RetentionResult()
    if settings.CUSTOMER_RETENTION_DAYS:
        for customer_id in _ended_before(at - timedelta(days=settings.CUSTOMER_RETENTION_DAYS)):
            if not keep_going():
                break
            try:
                erase(customer_id=customer_id, at=at)
                done.erased += 1
            except ErasureRefused:
                done.kept += 1
    if settings.ADDRESS_RETENTION_DAYS:
        done.addresses = _forget_addresses(at - timedelta(days=settings.ADDRESS_RETENTION_DAYS))
    if settings.NOTIFICATION_RETENTION_DAYS:
        done.messages = _forget_messages(at - timedelta(days=settings.NOTIFICATION_RETENTION_DAYS))
    return done


def _forget_messages(before: datetime) -> int:
    """Forget what providers told in messages that are followed; which came, and of which kind, stays."""
    followed = ProviderEvent.objects.filter(provider=ProviderName.STRIPE, done_at__lt=before)
    return followed.exclude(content={}).update(content={})


def _ended_before(moment: datetime) -> list[int]:
    """Return the live customers whose last subscription had ended by then; who never had one is left alone."""
    found = Customer.objects.filter(sandbox=False, erased_at__isnull=True)
    found = found.annotate(last=Max("subscriptions__ends_at")).filter(last__lt=moment)
    found = found.exclude(subscriptions__in=Subscription.objects.exclude(state=SubscriptionState.ENDED))
    return list(found.order_by("last").values_list("pk", flat=True)[:BATCH_SIZE])


def _forget_addresses(before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pghistory_context SET metadata = metadata - 'url' WHERE created_at < %s AND metadata ? 'url'",
            [before],
        )
        return cursor.rowcount
