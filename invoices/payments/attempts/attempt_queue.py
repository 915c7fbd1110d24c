"""The queues of payment attempts and refunds: one worker at a time asks a provider, until it knows the outcome."""

from dataclasses import replace
from datetime import timedelta

from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from invoices.models import PaymentAttempt, Refund
from invoices.models.payment_attempts import AttemptState
from lib.queue import Backoff, Queue

LEASE = timedelta(seconds=90)
"""Longer than a provider may take to answer, so that no second worker calls it meanwhile."""

CHECK_INTERVALS = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
)
"""The delay of the first, second … check of a pending attempt; later ones follow every hour."""

ATTEMPTS = Queue(
    model=PaymentAttempt,
    unfinished=Q(state=AttemptState.PENDING),
    lease=LEASE,
    backoff=Backoff(CHECK_INTERVALS, is_endless=True),
    attempts_column="tries",
    reason_column="reason",
    lease_column="leased_until",
    claimed=lambda at: {"sent_at": Coalesce("sent_at", Value(at))},
    is_durable=True,
)
REFUNDS = replace(ATTEMPTS, model=Refund)


def in_step_of_clock(queue: Queue, clock_id: int | None) -> Queue:
    """
    Return the queue for a step of a test clock, which is one transaction; the queue itself in real time.

    The rollback of a step loses no payment: sandbox customers pay at the sandbox's provider, where no money moves.
    """
    return queue if clock_id is None else replace(queue, is_durable=False)
