"""
Replay the usage of live customers to their sandbox clones as the clones' clock advances: docs/sandbox.md#clones.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from billing.metering.ingest import event_recorder, parser
from billing.metering.ingest.event_reader import PAGE_SIZE, StoredEvent, read_pages
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.store import corrections
from billing.models import Clone
from billing.subscriptions.periods.boundaries import TICK
from plans.models import Meter

MAX_STEP = timedelta(days=1)
"""Largest step of a clock while usage remains to be replayed; top-ups and alerts run between the steps."""


def replay_limit(clock: int, *, after: datetime) -> datetime | None:
    """
    Return how far a clock may advance in one step while its clones have usage to replay; None if no usage remains.
    """
    return min(filter(None, (_clone_limit(clone, after) for clone in _clones(clock, after))), default=None)


def replay_usage(clock: int, *, since: datetime, until: datetime) -> int:
    """
    Record the usage of [since, until) of a clock's clones, in the caller's transaction; return the number of events.

    The events get new ids and are recorded as if the clones had sent them. Events that were corrected since are left
    out.
    """
    count = 0
    for clone in _clones(clock, since):
        for page in _pages(clone, since, until):
            corrected_keys = corrections.read_corrections([row.key for row in page])
            events = [_event(clone, row) for row in page if row.key not in corrected_keys]
            event_recorder.record_events(events=events, sandbox=True, at=until)
            count += len(events)
    return count


def _clones(clock: int, after: datetime) -> Sequence[Clone]:
    clones = Clone.objects.filter(customer__test_clock=clock, until__gt=after)
    return list(clones.select_related("customer", "source").order_by("pk"))


def _clone_limit(clone: Clone, after: datetime) -> datetime | None:
    page = next(iter(_pages(clone, after, clone.until)), None)
    if page is None:
        return None
    # A full page has more usage behind it, so the step goes no further than its last event.
    last_at = page[-1].occurred_at if len(page) == PAGE_SIZE else clone.until
    # At least a tick, so that the clock always advances.
    return min(max(last_at, after + TICK), after + MAX_STEP)


def _pages(clone: Clone, since: datetime, until: datetime) -> Iterator[list[StoredEvent]]:
    names = sorted(set(Meter.objects.values_list("event_name", flat=True)))
    since, until = max(since, clone.since), min(until, clone.until)
    return read_pages(customer_id=clone.source_id, names=names, since=since, until=until)


def _event(clone: Clone, row: StoredEvent) -> ReceivedEvent:
    """Return an event as the clone would send it, with the clone's own subscription and an unused id."""
    customer, source = clone.customer.external_id, f"clone:{clone.pk}"
    suffix = customer.removeprefix(clone.source.external_id)
    subscription = f"{row.subscription_ref}{suffix}" if row.subscription_ref else ""
    properties = parser.decode_properties(row.properties)
    encoded = parser.encode_properties(properties)
    content = (source, row.key, customer, row.name, row.occurred_at, subscription)
    return ReceivedEvent(
        index=0,
        key=parser.event_key(row.key, source=source, sandbox=True),
        digest=parser.content_digest(content, encoded),
        id=row.key,
        source=source,
        customer=customer,
        name=row.name,
        occurred_at=row.occurred_at,
        properties=properties,
        encoded=encoded,
        subscription=subscription,
    )
