"""Deliver due messages, many at a time: only this thread uses the database, the others only send."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime

from customers.notifications.delivery_queue import DeliveryClaim, claim_due
from customers.notifications.delivery_result import DeliveryOutcome, record_outcome
from customers.notifications.endpoint_health import abandon
from customers.notifications.transport import send

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


def deliver(*, clock: Callable[[], datetime], should_continue: Callable[[], bool] = lambda: True) -> DeliveryTotals:
    """
    Deliver due messages, concurrently with other workers, and return the totals.

    clock: the database's time, for leases; should_continue: whether to start anything new. Messages that a killed
        worker
        had sent are sent again when their lease ends, under the same id.
    """
    totals = DeliveryTotals(abandoned=abandon(at=clock()))
    sending: dict[Future[DeliveryOutcome], DeliveryClaim] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            if len(sending) < AT_ONCE and should_continue():
                for claim in claim_due(at=clock(), most=AT_ONCE - len(sending)):
                    sending[pool.submit(send, claim)] = claim
            if not sending:
                return totals
            for future in wait(sending, timeout=LOOKS_AGAIN_SECONDS, return_when=FIRST_COMPLETED).done:
                outcome = future.result()
                record_outcome(sending.pop(future), outcome, at=clock())
                totals.delivered += outcome.succeeded
                totals.failed += not outcome.succeeded
