"""The webhook event about corrected usage: docs/webhooks.md#types."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from billing.metering.corrections.validation import CorrectionRequest
from billing.metering.ingest.event_contributions import EventContributions
from customers.notifications import Announcement, announce_all, has_listeners
from customers.notifications.announcement import Facts

KIND = "usage.corrected"


def notify_corrected(
    new: Sequence[CorrectionRequest], wrong: Sequence[EventContributions], numbers: Mapping[str, int], *, at: datetime
) -> None:
    """
    Announce, once per customer, how many events were voided and how many were replaced.

    numbers: sequence number of each correction, by its event's key.

    Events without a customer are not announced.
    """
    if not has_listeners(KIND):
        return
    customer_ids = {contributions.row.key: contributions.row.customer_id for contributions in wrong}
    by_customer: dict[int, list[CorrectionRequest]] = defaultdict(list)
    for request in new:
        if (customer_id := customer_ids.get(request.key)) is not None:
            by_customer[customer_id].append(request)
    announcements = []
    for customer_id, requests in sorted(by_customer.items()):
        # The lowest number makes the key unique: each correction is announced in one announcement only.
        first = min(numbers[request.key] for request in requests)
        replaced = sum(request.replacement is not None for request in requests)
        facts: Facts = {
            "taken_back": len(requests) - replaced,
            "replaced": replaced,
            "first_event": requests[0].id,
            "reason": requests[0].reason,
        }
        announcements.append(Announcement(customer_id, facts, f"corrections:{first}"))
    announce_all(kind=KIND, announcements=announcements, at=at)
