"""
Read what was sent, and store it, each event in its customer's time: docs/sandbox.md#time.

Live customers live in real time, so nothing is looked up for them. What a test key sends is read with no bounds but
those of the calendar first; then it is known whose it is, and which times are too old or too far ahead for them.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from billing.metering.ingest import event_recorder, parser
from billing.metering.ingest.parser import EventError, ReceivedEvent
from customers.customer_time import test_clock_times

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
UNDATED = datetime.min.replace(tzinfo=UTC)


class MixedTestClocks(Exception):
    """All or nothing was asked for, and the events are of customers in several times: send them one by one."""


def read_events(body: bytes, *, sandbox: bool, at: datetime) -> tuple[list[ReceivedEvent], list[EventError], bool]:
    """
    Return what `wire.read` does, by the bounds of each customer's time; at: the real one.

    :raises BodyRefused: as `wire.read` does.
    """
    if not sandbox:
        return parser.parse_events(
            body, sandbox=False, at=at, oldest=at - parser.MAX_AGE, newest=at + parser.MAX_AHEAD
        )
    events, refused, single = parser.parse_events(body, sandbox=True, at=UNDATED, oldest=EARLIEST, newest=LATEST)
    times = test_clock_times({event.customer for event in events})
    late = [found for event in events if (found := check_time(event, now=times.get(event.customer, at)))]
    gone = {one.index for one in late}
    kept = [event for event in events if event.index not in gone]
    return kept, sorted([*refused, *late], key=lambda one: one.index), single


def check_time(event: ReceivedEvent, *, now: datetime) -> EventError | None:
    """Let an event without a time have happened now, or refuse one that is too old or too far ahead."""
    if event.occurred_at == UNDATED:
        event.occurred_at = now
    oldest, newest = now - parser.MAX_AGE, now + parser.MAX_AHEAD
    if oldest <= event.occurred_at <= newest:
        return None
    return EventError(event.index, "timestamp", parser.describe_bounds(event.occurred_at, oldest, newest), event.id)


def store_events(
    events: Sequence[ReceivedEvent],
    *,
    sandbox: bool,
    at: datetime,
    atomic: bool = False,
    record: Callable[..., list[str]] = event_recorder.record_events,
) -> list[str]:
    """
    Record events, each in its customer's time, and return their outcomes; at: the real one.

    record: what stores those of one time: takes events, sandbox and at.

    :raises SeveralTimes: if `atomic` and they are of customers in several times.
    """
    if not sandbox:
        return record(events=events, sandbox=False, at=at)
    times = test_clock_times({event.customer for event in events})
    parts: dict[datetime, list[ReceivedEvent]] = {}
    for event in events:
        parts.setdefault(times.get(event.customer, at), []).append(event)
    if atomic and len(parts) > 1:
        raise MixedTestClocks("The events are of customers in several times: send those of one test clock at a time.")
    outcomes: dict[int, str] = {}
    for time, part in sorted(parts.items()):
        found = record(events=part, sandbox=True, at=time)
        outcomes.update(zip((event.index for event in part), found, strict=True))
    return [outcomes[event.index] for event in events]
