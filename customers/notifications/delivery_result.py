"""The outcome of a try: delivered, scheduled for another try, or given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from customers.models import WebhookEndpoint
from customers.models.notifications import MAX_ANSWER
from customers.notifications.delivery_queue import DELIVERIES, DeliveryClaim
from customers.notifications.endpoint_health import disable_failing, disable_gone
from lib.queue import Lease

LONGEST_ASKED = timedelta(hours=24)
"""Maximum wait that a receiver can request."""


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """
    The outcome of a try.

    status: of HTTP; None for an email, or without a response. text: the response, or the error.
    final: whether another try cannot succeed. retry_after: seconds to wait that the receiver requests.
    """

    succeeded: bool
    text: str = ""
    status: int | None = None
    final: bool = False
    retry_after: int = 0


@transaction.atomic
def record_outcome(claim: DeliveryClaim, outcome: DeliveryOutcome, *, at: datetime) -> None:
    """Record the outcome of a try, unless its lease ended and another try has started since."""
    retry_at = (
        None
        if outcome.succeeded or outcome.final
        else next_attempt(claim.attempt, at, requested_seconds=outcome.retry_after)
    )
    state = "delivered" if outcome.succeeded else "given_up" if retry_at is None else "failed"
    row = DELIVERIES.held(Lease(claim.delivery_id, claim.attempt))
    is_recorded = row.update(state=state, next_at=retry_at, status=outcome.status, answer=outcome.text[:MAX_ANSWER])
    # An outcome that came too late says nothing about the endpoint's present health.
    if claim.endpoint_id is None or not is_recorded:
        return
    endpoint = WebhookEndpoint.objects.filter(pk=claim.endpoint_id)
    if outcome.succeeded:
        endpoint.exclude(failing_since=None).update(failing_since=None)
    else:
        endpoint.filter(failing_since=None).update(failing_since=at)
    if outcome.status == 410:
        disable_gone(endpoint_id=claim.endpoint_id, at=at)
    elif not outcome.succeeded:
        disable_failing(endpoint_id=claim.endpoint_id, at=at)


def next_attempt(attempt: int, at: datetime, *, requested_seconds: int = 0) -> datetime | None:
    """Return when to retry after the `attempt`th try failed, or None after the last one."""
    requested = min(timedelta(seconds=requested_seconds), LONGEST_ASKED)
    return DELIVERIES.backoff.next_at(attempt, at, not_before=at + requested)
