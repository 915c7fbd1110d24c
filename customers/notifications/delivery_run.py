"""Send what is due, many messages at a time: this thread alone reads and writes, the others only send."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime

from customers.notifications.delivery_queue import DeliveryClaim, claim_due
from customers.notifications.delivery_result import DeliveryOutcome, record_outcome
from customers.notifications.endpoint_health import abandon
from customers.notifications.transport import send

AT_ONCE = 32
"""Messages that one run has under way. An endpoint that hangs holds one of them, each for 15 seconds at most."""

LOOKS_AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class DeliveryTotals:
    """Tries of one run, by what came of them."""

    delivered: int = 0
    failed: int = 0
    abandoned: int = 0


def deliver(*, clock: Callable[[], datetime], keep_going: Callable[[], bool] = lambda: True) -> DeliveryTotals:
    """
    Send what is due, together with whatever other workers are at it, and return what came of it.

    clock: the database's time, for leases; keep_going: whether to begin anything new. A worker that dies has sent
    what it has sent: that is sent again when its lease is over, under the same id.
    """
    done = DeliveryTotals(abandoned=abandon(at=clock()))
    sending: dict[Future[DeliveryOutcome], DeliveryClaim] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            if len(sending) < AT_ONCE and keep_going():
                for one in claim_due(at=clock(), most=AT_ONCE - len(sending)):
                    sending[pool.submit(send, one)] = one
            if not sending:
                return done
            for future in wait(sending, timeout=LOOKS_AGAIN_SECONDS, return_when=FIRST_COMPLETED).done:
                outcome = future.result()
                record_outcome(sending.pop(future), outcome, at=clock())
                done.delivered += outcome.succeeded
                done.failed += not outcome.succeeded
