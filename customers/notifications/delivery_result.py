"""What came of a try: delivered, to be tried again, or given up."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from customers.models.notifications import MOST_ANSWER
from customers.notifications.delivery_queue import DeliveryClaim
from customers.notifications.endpoint_health import disable_failing, disable_gone

RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""
How long after the first, second … failed try the next one comes: three days and a bit in all.

Source: Standard Webhooks 1.0, “Deliverability and reliability”.
"""

JITTER = 0.2
"""A wait is made longer by up to this share, so that what failed at once does not come back at once."""

LONGEST_ASKED = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """
    What came of a try.

    status: of HTTP; None for a mail, and where there was no answer. text: what was answered, or what went wrong.
    final: whether no other try can go better. retry_after: seconds that the receiver asks to be left alone.
    """

    succeeded: bool
    text: str = ""
    status: int | None = None
    final: bool = False
    retry_after: int = 0


_RECORD = """
UPDATE customers_delivery SET state = %(state)s, next_at = %(next_at)s, status = %(status)s, answer = %(answer)s
WHERE id = %(id)s AND state = 'sending' AND attempts = %(attempt)s
"""
_HEALTHY = "UPDATE customers_webhookendpoint SET failing_since = NULL WHERE id = %s AND failing_since IS NOT NULL"
_FAILING = "UPDATE customers_webhookendpoint SET failing_since = %s WHERE id = %s AND failing_since IS NULL"


@transaction.atomic
def record_outcome(claim: DeliveryClaim, outcome: DeliveryOutcome, *, at: datetime) -> None:
    """Write down what came of a try, unless its lease was over and another try has begun since."""
    again = (
        None
        if outcome.succeeded or outcome.final
        else next_attempt(claim.attempt, at, requested_seconds=outcome.retry_after)
    )
    state = "delivered" if outcome.succeeded else "given_up" if again is None else "failed"
    facts = {"id": claim.delivery_id, "attempt": claim.attempt, "state": state, "next_at": again}
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, {**facts, "status": outcome.status, "answer": outcome.text[:MOST_ANSWER]})
        if claim.endpoint_id is None or not cursor.rowcount:
            return
        if outcome.succeeded:
            cursor.execute(_HEALTHY, [claim.endpoint_id])
        else:
            cursor.execute(_FAILING, [at, claim.endpoint_id])
    if outcome.status == 410:
        disable_gone(endpoint_id=claim.endpoint_id, at=at)
    elif not outcome.succeeded:
        disable_failing(endpoint_id=claim.endpoint_id, at=at)


def next_attempt(attempt: int, at: datetime, *, requested_seconds: int = 0) -> datetime | None:
    """Return when to try again after the `attempt`th try failed, or None after the last one."""
    if attempt > len(RETRY_AFTER):
        return None
    wait = RETRY_AFTER[attempt - 1] * (1 + JITTER * random.random())  # noqa: S311, nobody gains by guessing it
    return at + max(wait, min(timedelta(seconds=requested_seconds), LONGEST_ASKED))
