"""Let clones use again what their live customers have used, as their clock comes to it: docs/sandbox.md#clones."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from billing.metering.ingest import event_recorder, parser
from billing.metering.ingest.event_reader import PAGE, Stored, pages_between
from billing.metering.ingest.parser import Received
from billing.metering.store import corrections
from billing.models import Clone
from billing.subscriptions.periods.boundaries import TICK
from plans.models import Meter

FARTHEST = timedelta(days=1)
"""How far a clock goes at a time while there is usage to come: wallets are topped up, and alerts told, in between."""


def reach(clock: int, *, after: datetime) -> datetime | None:
    """Return how far a clock may go at a time because of usage that its clones are yet to use; None if of none."""
    return min(filter(None, (_reach(clone, after) for clone in _clones(clock, after))), default=None)


def replay(clock: int, *, since: datetime, until: datetime) -> int:
    """
    Record what the live customers of a clock's clones used in [since, until), in the caller's transaction.

    It is recorded as if they had sent it themselves, under new ids. Return how many events that were; what was taken
    back of them since is left out.
    """
    count = 0
    for clone in _clones(clock, since):
        for rows in _pages(clone, since, until):
            taken_back = corrections.of([row.key for row in rows])
            events = [_event(clone, row) for row in rows if row.key not in taken_back]
            event_recorder.record(events=events, sandbox=True, at=until)
            count += len(events)
    return count


def _clones(clock: int, after: datetime) -> Sequence[Clone]:
    found = Clone.objects.filter(customer__test_clock=clock, until__gt=after)
    return list(found.select_related("customer", "source").order_by("pk"))


def _reach(clone: Clone, after: datetime) -> datetime | None:
    page = next(iter(_pages(clone, after, clone.until)), None)
    if page is None:
        return None
    last = page[-1].occurred_at if len(page) == PAGE else clone.until
    return min(max(last, after + TICK), after + FARTHEST)


def _pages(clone: Clone, since: datetime, until: datetime):  # type: ignore[no-untyped-def]
    names = sorted(set(Meter.objects.values_list("event_name", flat=True)))
    since, until = max(since, clone.since), min(until, clone.until)
    return pages_between(customer_id=clone.source_id, names=names, since=since, until=until)


def _event(clone: Clone, row: Stored) -> Received:
    """Return an event as the clone sends it: it names its own subscription, and no id that was used before."""
    customer, source = clone.customer.external_id, f"clone:{clone.pk}"
    suffix = customer.removeprefix(clone.source.external_id)
    subscription = f"{row.subscription_ref}{suffix}" if row.subscription_ref else ""
    properties = parser.decode_properties(row.properties)
    encoded = parser.encode_properties(properties)
    content = (source, row.key, customer, row.name, row.occurred_at, subscription)
    return Received(
        index=0,
        key=parser.key_of(row.key, source=source, sandbox=True),
        digest=parser.digest_of(content, encoded),
        id=row.key,
        source=source,
        customer=customer,
        event=row.name,
        occurred_at=row.occurred_at,
        properties=properties,
        encoded=encoded,
        subscription=subscription,
    )
