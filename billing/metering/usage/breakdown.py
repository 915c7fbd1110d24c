"""Usage by time and dimension: hours, days and months from rollups, minutes from the events themselves."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.metering.ingest.event_contributions import EventContributions, read_contributions
from billing.metering.ingest.event_reader import read_pages
from billing.metering.ingest.state_updates import HOURLY_AGGREGATIONS
from billing.metering.store.counter_store import RollupSeries
from billing.metering.store.event_removals import EventsRemoved, require_events
from billing.models import Period
from billing.models.periods import PeriodKind
from lib import sql
from plans.aggregation.aggregate_state import (
    EMPTY,
    AggregateState,
    Aggregation,
    EventValue,
    aggregate_event,
    compute_quantity,
    merge_states,
)
from plans.catalog.stored_terms import metering_terms
from plans.models import Meter

WINDOWS = ("minute", "hour", "day", "month")
# The rows are in memory and in one answer; the span admits a year compared with its month before.
MAX_ROWS = 10_000
LONGEST = timedelta(days=400)
MINUTE = timedelta(minutes=1)
# Minutes aren't stored: their events are read and attributed again while the caller waits.
LONGEST_OF_MINUTES = timedelta(hours=6)
MAX_EVENTS = 20_000


class BreakdownRefused(ValueError):
    """The requested breakdown isn't available; the text gives the reason and the remedy."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@dataclass(frozen=True, slots=True)
class Slice:
    """Usage of one window. group: the dimension's value, None without grouping."""

    starts_at: datetime
    group: str | None
    quantity: Decimal
    events: int


# Reads rollups by period and meter; HAVING hides hours whose events were all voided.
_BREAKDOWN = """
SELECT {window} AS window_start, {group} AS grouped, sum(r.quantity), sum(r.events)::bigint
FROM billing_subscription s
JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular'
    AND p.starts_at < %(until)s AND p.ends_at > %(since)s
    AND (%(periods)s::bigint[] IS NULL OR p.id = ANY(%(periods)s::bigint[]))
JOIN billing_rollup r ON r.period_id = p.id AND r.meter_id = %(meter)s
    AND r.bucket >= %(since)s AND r.bucket < %(until)s
WHERE s.customer_id = %(customer)s
GROUP BY 1, 2 HAVING sum(r.events) > 0 ORDER BY 1, 2 LIMIT %(limit)s
"""


def breakdown(
    *,
    customer_id: int,
    time_zone: str,
    meter_id: int,
    since: datetime,
    until: datetime,
    window: str,
    group_by: str | None = None,
    period_ids: Sequence[int] | None = None,
) -> list[Slice]:
    """
    Return a customer's usage of one meter by minute, hour, day or month of the customer's clock, grouped by a
    dimension.

    since, until: minutes and hours that start in this interval count with all of their usage.
    period_ids: limits the usage to that counted in these periods; None means all of the customer's.

    :raises BreakdownRefused: if the window is unknown, the time span too long, the answer too large, or, for minutes,
        the events too many.
    """
    if window not in WINDOWS:
        raise BreakdownRefused("window", f"“{window}” is not a window; use one of {', '.join(WINDOWS)}")
    if not since < until or until - since > LONGEST:
        raise BreakdownRefused("until", f"the interval must be positive and at most {LONGEST.days} days")
    if window == "minute" and until - since > LONGEST_OF_MINUTES:
        hours = LONGEST_OF_MINUTES // timedelta(hours=1)
        raise BreakdownRefused(
            "until", f"minutes cover at most {hours} hours; request a shorter interval, or hours instead of minutes"
        )
    clock = "r.bucket" if window == "hour" else f"date_trunc('{window}', r.bucket, %(zone)s)"
    statement = _BREAKDOWN.format(window=clock, group="r.dimensions ->> %(group)s" if group_by else "NULL")
    parameters = {
        "customer": customer_id,
        "meter": meter_id,
        "since": since,
        "until": until,
        "zone": time_zone,
        "group": group_by,
        "limit": MAX_ROWS + 1,
        "periods": None if period_ids is None else list(period_ids),
    }
    meter = Meter.objects.get(pk=meter_id)
    metering = metering_terms(meter)
    # A value counts once per period, so hours would count it repeatedly.
    if metering.aggregation == "unique":
        raise BreakdownRefused("meter", "distinct values are counted per period and can't be summed from hours")
    if metering.measures == "levels":
        raise BreakdownRefused("meter", "levels are held over time and can't be summed from hours")
    if window == "minute":
        return _minute_slices(
            meter,
            customer_id=customer_id,
            since=_next_minute(since),
            until=_next_minute(until),
            group_by=group_by,
            period_ids=period_ids,
        )
    if metering.aggregation in HOURLY_AGGREGATIONS:
        return _hourly_slices(metering.aggregation, window, parameters)
    return [Slice(*row) for row in _rows(statement, parameters)]


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows = sql.fetch_rows(statement, parameters)
    if len(rows) > MAX_ROWS:
        raise _too_many_rows()
    return rows


def _too_many_rows() -> BreakdownRefused:
    return BreakdownRefused("window", f"more than {MAX_ROWS:,} rows; request a shorter interval or a longer window")


# The latest value counts by time, then by source and key as bytes: the order in which ingest folds values.
_HOURLY_STATES = """
SELECT {window} AS window_start, {group} AS grouped, sum(t.events)::bigint, sum(t.total), min(t.low), max(t.high),
    (array_agg(t.latest_value ORDER BY t.latest_at DESC, t.latest_source COLLATE "C" DESC,
        t.latest_key COLLATE "C" DESC))[1]
FROM billing_subscription s
JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular'
    AND p.starts_at < %(until)s AND p.ends_at > %(since)s
    AND (%(periods)s::bigint[] IS NULL OR p.id = ANY(%(periods)s::bigint[]))
JOIN billing_series r ON r.period_id = p.id AND r.meter_id = %(meter)s
JOIN billing_aggregatestate t ON t.series_id = r.id AND t.span = 'hour'
    AND t.starts_at >= %(since)s AND t.starts_at < %(until)s
WHERE s.customer_id = %(customer)s
GROUP BY 1, 2 ORDER BY 1, 2 LIMIT %(limit)s
"""


def _hourly_slices(aggregation: Aggregation, window: str, parameters: dict[str, Any]) -> list[Slice]:
    """Return slices of a meter whose quantity is not a sum, from its hourly states."""
    clock = "t.starts_at" if window == "hour" else f"date_trunc('{window}', t.starts_at, %(zone)s)"
    statement = _HOURLY_STATES.format(
        window=clock, group="r.dimensions ->> %(group)s" if parameters["group"] else "NULL"
    )
    return [
        Slice(
            start,
            group,
            compute_quantity(
                aggregation, AggregateState(events, total, low, high, EventValue(start, "", "", latest))
            ),
            events,
        )
        for start, group, events, total, low, high, latest in _rows(statement, parameters)
    ]


def _minute_slices(
    meter: Meter,
    *,
    customer_id: int,
    since: datetime,
    until: datetime,
    group_by: str | None,
    period_ids: Sequence[int] | None,
) -> list[Slice]:
    """Return slices of whole minutes, which add up to the slices of their hour."""
    periods = Period.objects.filter(
        subscription__customer=customer_id, kind=PeriodKind.REGULAR, starts_at__lt=until, ends_at__gt=since
    )
    if period_ids is not None:
        periods = periods.filter(pk__in=period_ids)
    counted_periods = set(periods.values_list("pk", flat=True))
    states: dict[tuple[datetime, str | None], AggregateState] = defaultdict(lambda: EMPTY)
    for contributions in _read_events(meter, customer_id=customer_id, since=since, until=until):
        event = contributions.event
        minute = event.occurred_at.replace(second=0, microsecond=0)
        for series, value in _counted_values(contributions, meter.pk):
            if series.period_id in counted_periods:
                group = json.loads(series.dimensions).get(group_by) if group_by else None
                event_value = EventValue(event.occurred_at, event.source, event.id, Decimal(value))
                states[minute, group] = merge_states(states[minute, group], aggregate_event(event_value, minute))
    if len(states) > MAX_ROWS:
        raise _too_many_rows()
    aggregation = metering_terms(meter).aggregation
    return [
        Slice(
            minute,
            group,
            compute_quantity(aggregation, state) if aggregation in HOURLY_AGGREGATIONS else state.total,
            state.events,
        )
        # As in SQL, usage without a value of the dimension comes last.
        for (minute, group), state in sorted(
            states.items(), key=lambda entry: (entry[0][0], entry[0][1] is None, entry[0][1] or "")
        )
    ]


def _read_events(meter: Meter, *, customer_id: int, since: datetime, until: datetime) -> Iterator[EventContributions]:
    """
    Yield the events of a meter in [since, until) that no correction has voided.

    :raises BreakdownRefused: if there are more than `MAX_EVENTS`, voided ones included, or if they have left.
    """
    read = 0
    try:
        require_events(customer_id=customer_id, since=since)
    except EventsRemoved as error:
        raise BreakdownRefused("window", f"{error} Request hours instead of minutes.") from error
    for rows in read_pages(customer_id=customer_id, names=[meter.event_name], since=since, until=until):
        read += len(rows)
        if read > MAX_EVENTS:
            raise BreakdownRefused(
                "window",
                f"more than {MAX_EVENTS:,} events; request a shorter interval, or hours instead of minutes",
            )
        for contributions in read_contributions(rows):
            if contributions.correction_sequence is None:
                yield contributions


def _counted_values(contributions: EventContributions, meter_id: int) -> Iterator[tuple[RollupSeries, int | Decimal]]:
    """Yield each value that an event adds to a rollup of this meter."""
    for part in contributions.contributions:
        if part.stop.meter.id == meter_id:
            for _, series in part.stop.targets:
                if series is not None:
                    yield series, part.value


def _next_minute(at: datetime) -> datetime:
    """Return the first start of a minute that is not before `at`."""
    start = at.replace(second=0, microsecond=0)
    return start if start == at else start + MINUTE
