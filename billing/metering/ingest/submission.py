"""
Parse and store events by their customers' clocks: docs/sandbox.md#time.

Live customers live in real time and need no lookup. Events of a sandbox key are first parsed with the bounds of the
calendar only; then the customer's test clock decides which timestamps are too old or too far ahead.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from billing.metering.ingest import event_recorder, parser
from billing.metering.ingest.parser import EventError, ReceivedEvent
from customers.customer_time import test_clock_times

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
UNDATED = datetime.min.replace(tzinfo=UTC)


class MixedTestClocks(Exception):
    """An atomic request holds events of customers on several test clocks."""


def read_events(body: bytes, *, sandbox: bool, at: datetime) -> tuple[list[ReceivedEvent], list[EventError], bool]:
    """
    Parse a body like `parser.parse_events`, with the bounds of each customer's clock.

    at: the real time.

    :raises BodyRefused: as `parser.parse_events` does.
    """
    if not sandbox:
        return parser.parse_events(
            body, sandbox=False, at=at, oldest=at - parser.MAX_AGE, newest=at + parser.MAX_AHEAD
        )
    events, errors, single = parser.parse_events(body, sandbox=True, at=UNDATED, oldest=EARLIEST, newest=LATEST)
    times = test_clock_times({event.customer for event in events})
    late_errors = [error for event in events if (error := check_time(event, now=times.get(event.customer, at)))]
    late_indexes = {error.index for error in late_errors}
    timely_events = [event for event in events if event.index not in late_indexes]
    return timely_events, sorted([*errors, *late_errors], key=lambda error: error.index), single


def check_time(event: ReceivedEvent, *, now: datetime) -> EventError | None:
    """Date an event without a timestamp at `now`; return an error if its timestamp is too old or too far ahead."""
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
    Record events by their customers' clocks, and return their outcomes.

    at: the real time.
    record: stores the events of one clock; takes events, sandbox and at.

    :raises MixedTestClocks: if `atomic` and the events' customers are on several clocks.
    """
    if not sandbox:
        return record(events=events, sandbox=False, at=at)
    times = test_clock_times({event.customer for event in events})
    parts: dict[datetime, list[ReceivedEvent]] = {}
    for event in events:
        parts.setdefault(times.get(event.customer, at), []).append(event)
    if atomic and len(parts) > 1:
        raise MixedTestClocks(
            "The events belong to customers on different test clocks; send the events of one clock per request."
        )
    outcomes: dict[int, str] = {}
    # In the order of time, as live usage would arrive.
    for time, part in sorted(parts.items()):
        part_outcomes = record(events=part, sandbox=True, at=time)
        outcomes.update(zip((event.index for event in part), part_outcomes, strict=True))
    return [outcomes[event.index] for event in events]
