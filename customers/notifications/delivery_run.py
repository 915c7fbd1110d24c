"""Deliver due messages, many at a time: only this thread uses the database, the others only send."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime

from customers.notifications.delivery_queue import DeliveryClaim, claim_due
from customers.notifications.delivery_result import DeliveryOutcome, record_outcome
from customers.notifications.email_preparation import add_senders
from customers.notifications.endpoint_health import abandon
from customers.notifications.transport import send
from lib.queue import NO_DEADLINE, Deadline

AT_ONCE = 32
"""
Maximum messages in progress in one run. An endpoint that hangs occupies one of them, for at most 15 seconds per
message.
"""

LOOKS_AGAIN_SECONDS = 1.0
"""Maximum wait for running messages before the next due ones are claimed."""


@dataclass(slots=True)
class DeliveryTotals:
    """Numbers of tries in one run by outcome, and of abandoned deliveries."""

    delivered: int = 0
    failed: int = 0
    abandoned: int = 0


def deliver(*, clock: Callable[[], datetime], deadline: Deadline = NO_DEADLINE) -> DeliveryTotals:
    """
    Deliver due messages, concurrently with other workers, and return the totals.

    clock: the database's time, for leases. A killed worker's messages are sent again, under the same id, when their
    lease ends.
    """
    totals = DeliveryTotals(abandoned=abandon(at=clock()))
    sending: dict[Future[DeliveryOutcome], DeliveryClaim] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            if len(sending) < AT_ONCE and deadline.has_time():
                for claim in add_senders(claim_due(at=clock(), most=AT_ONCE - len(sending))):
                    sending[pool.submit(send, claim)] = claim
            if not sending:
                return totals
            for future in wait(sending, timeout=LOOKS_AGAIN_SECONDS, return_when=FIRST_COMPLETED).done:
                outcome = future.result()
                record_outcome(sending.pop(future), outcome, at=clock())
                totals.delivered += outcome.succeeded
                totals.failed += not outcome.succeeded
