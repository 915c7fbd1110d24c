"""Say whose usage was corrected: docs/webhooks.md#types."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from billing.metering.corrections.validation import CorrectionRequest
from billing.metering.ingest.event_contributions import EventContributions
from customers.notifications import Announcement, announce_all, has_listeners

KIND = "usage.corrected"


def notify_corrected(
    new: Sequence[CorrectionRequest], wrong: Sequence[EventContributions], numbers: Mapping[str, int], *, at: datetime
) -> None:
    """
    Announce, once for each customer, how many events were taken back and how many replaced.

    numbers: of the corrections, by their events' keys. Events of nobody's are told to nobody.
    """
    if not has_listeners(KIND):
        return
    whose = {one.row.key: one.row.customer_id for one in wrong}
    by_customer: dict[int, list[CorrectionRequest]] = defaultdict(list)
    for one in new:
        if (customer_id := whose.get(one.key)) is not None:
            by_customer[customer_id].append(one)
    told = []
    for customer_id, some in sorted(by_customer.items()):
        first = min(numbers[one.key] for one in some)
        replaced = sum(one.replacement is not None for one in some)
        facts = {"taken_back": len(some) - replaced, "replaced": replaced, "first_event": some[0].id}
        told.append(Announcement(customer_id, {**facts, "reason": some[0].reason}, f"corrections:{first}"))
    announce_all(kind=KIND, announcements=told, at=at)
