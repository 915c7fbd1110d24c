"""
Delete or erase data whose retention time is over: docs/personal-data.md#retention.

Notifications, jobs and API responses have tasks of their own. This module covers customers whose last subscription
ended long ago, URLs of old requests, old messages of payment providers, and payers of old bank lines.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max

from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.privacy.erasure import ErasureRefused, erase
from customers.models import Customer
from invoices.models import ProviderEvent
from invoices.models.payment_attempts import ProviderName
from invoices.payments.bank_statements.retention import blank_old_lines
from lib import sql
from lib.queue import NO_DEADLINE, Deadline

# Customers per run, each a transaction of its own; the rest stays due.
BATCH_SIZE = 100


@dataclass(slots=True)
class RetentionResult:
    """Numbers of rows. erased: customers. kept: customers whose time is over, but who can't be erased yet."""

    erased: int = 0
    kept: int = 0
    addresses: int = 0
    messages: int = 0
    bank_lines: int = 0


def apply_retention(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> RetentionResult:
    """Apply the retention times of the settings; a setting of 0 days keeps the data. Safe to repeat."""
    result = RetentionResult()
    if settings.CUSTOMER_RETENTION_DAYS:
        ended_ids = _ended_before(at - timedelta(days=settings.CUSTOMER_RETENTION_DAYS))
        for customer_id in deadline.limit(ended_ids):
            try:
                erase(customer_id=customer_id, at=at)
                result.erased += 1
            except ErasureRefused:
                result.kept += 1
    if settings.ADDRESS_RETENTION_DAYS:
        result.addresses = _clear_urls(at - timedelta(days=settings.ADDRESS_RETENTION_DAYS))
    if settings.PROVIDER_MESSAGE_RETENTION_DAYS:
        result.messages = _clear_messages(at - timedelta(days=settings.PROVIDER_MESSAGE_RETENTION_DAYS))
    result.bank_lines = blank_old_lines(at=at, deadline=deadline)
    return result


def _clear_messages(before: datetime) -> int:
    """Clear the content of processed provider messages; their ids and kinds stay."""
    processed = ProviderEvent.objects.filter(provider=ProviderName.STRIPE, done_at__lt=before)
    return processed.exclude(content={}).update(content={})


def _ended_before(before: datetime) -> list[int]:
    """
    Return the live customers whose last subscription had ended by then; customers who never had one are left out.
    """
    customers = Customer.objects.filter(sandbox=False, erased_at__isnull=True)
    customers = customers.annotate(last=Max("subscriptions__ends_at")).filter(last__lt=before)
    customers = customers.exclude(subscriptions__in=Subscription.objects.exclude(state=SubscriptionState.ENDED))
    return list(customers.order_by("last").values_list("pk", flat=True)[:BATCH_SIZE])


def _clear_urls(before: datetime) -> int:
    return sql.execute(
        "UPDATE pghistory_context SET metadata = metadata - 'url' WHERE created_at < %s AND metadata ? 'url'",
        [before],
    )
