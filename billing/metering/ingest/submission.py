"""
Read what was sent, and store it, each event in its customer's time: docs/sandbox.md#time.

Live customers live in real time, so nothing is looked up for them. What a test key sends is read with no bounds but
those of the calendar first; then it is known whose it is, and which times are too old or too far ahead for them.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from billing.metering.ingest import event_recorder, parser
from billing.metering.ingest.parser import Received, Refused
from customers.customer_time import times_for

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
UNDATED = datetime.min.replace(tzinfo=UTC)


class SeveralTimes(Exception):
    """All or nothing was asked for, and the events are of customers in several times: send them one by one."""


def read(body: bytes, *, sandbox: bool, at: datetime) -> tuple[list[Received], list[Refused], bool]:
    """
    Return what `wire.read` does, by the bounds of each customer's time; at: the real one.

    :raises BodyRefused: as `wire.read` does.
    """
    if not sandbox:
        return parser.read(body, sandbox=False, at=at, oldest=at - parser.RETENTION, newest=at + parser.AHEAD)
    events, refused, single = parser.read(body, sandbox=True, at=UNDATED, oldest=EARLIEST, newest=LATEST)
    times = times_for({event.customer for event in events})
    late = [found for event in events if (found := dated(event, now=times.get(event.customer, at)))]
    gone = {one.index for one in late}
    kept = [event for event in events if event.index not in gone]
    return kept, sorted([*refused, *late], key=lambda one: one.index), single


def dated(event: Received, *, now: datetime) -> Refused | None:
    """Let an event without a time have happened now, or refuse one that is too old or too far ahead."""
    if event.occurred_at == UNDATED:
        event.occurred_at = now
    oldest, newest = now - parser.RETENTION, now + parser.AHEAD
    if oldest <= event.occurred_at <= newest:
        return None
    return Refused(event.index, "timestamp", parser.out_of_bounds(event.occurred_at, oldest, newest), event.id)


def store(
    events: Sequence[Received],
    *,
    sandbox: bool,
    at: datetime,
    atomic: bool = False,
    record: Callable[..., list[str]] = event_recorder.record,
) -> list[str]:
    """
    Record events, each in its customer's time, and return their outcomes; at: the real one.

    record: what stores those of one time: takes events, sandbox and at.

    :raises SeveralTimes: if `atomic` and they are of customers in several times.
    """
    if not sandbox:
        return record(events=events, sandbox=False, at=at)
    times = times_for({event.customer for event in events})
    parts: dict[datetime, list[Received]] = {}
    for event in events:
        parts.setdefault(times.get(event.customer, at), []).append(event)
    if atomic and len(parts) > 1:
        raise SeveralTimes("The events are of customers in several times: send those of one test clock at a time.")
    outcomes: dict[int, str] = {}
    for time, part in sorted(parts.items()):
        found = record(events=part, sandbox=True, at=time)
        outcomes.update(zip((event.index for event in part), found, strict=True))
    return [outcomes[event.index] for event in events]
