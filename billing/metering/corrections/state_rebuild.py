"""
Tally anew what events had a part in that no longer count: docs/metering.md#corrections.

A greatest value that is taken back does not say what the next one was, so the events of its series that still count
are read once more. This runs after the counters were moved, which nobody else adds to until the transaction ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from billing.metering.ingest.event_contributions import Contribution, EventContributions, read_contributions
from billing.metering.ingest.event_reader import read_pages
from billing.metering.ingest.state_updates import state_keys, value_change
from billing.metering.store import aggregate_states, counter_store, state_rebuild
from billing.metering.store.aggregate_states import AggregateStateKey, ValueChange
from billing.metering.store.counter_store import RollupSeries
from billing.models import Period
from lib.decimals import ZERO
from plans.aggregation.aggregate_state import EMPTY, AggregateState, EventValue, aggregate_event, merge_states
from plans.aggregation.distinct_values import MembershipChange
from plans.aggregation.weighted_sum import level_moment
from plans.catalog.stored_terms import MeteringTerms


class EventSelection(NamedTuple):
    """Which events to read again: those of a customer's period with this name."""

    customer_id: int
    name: str
    period_id: int


@dataclass(slots=True)
class SeriesRebuild:
    """
    What is told anew of one series: its tallies, and the last word on each value that lost one.

    levels: of a weighted sum of levels, whose moment is of all of them.
    """

    metering: MeteringTerms
    states: dict[AggregateStateKey, AggregateState] = field(default_factory=dict)
    levels: dict[AggregateStateKey, list[EventValue]] = field(default_factory=dict)
    last_steps: dict[UUID, MembershipChange | None] = field(default_factory=dict)


def rebuild_states(taken: Iterable[EventContributions]) -> None:
    """Tally anew the series that these events gave to, which are taken back by now."""
    found: dict[EventSelection, dict[RollupSeries, SeriesRebuild]] = {}
    levels: list[tuple[RollupSeries, datetime, str, str]] = []
    for one in taken:
        for part in one.contributions:
            for key in state_keys(part.stop, one.attribution.bucket):
                walked = EventSelection(one.row.customer_id or 0, one.row.name, key.series.period_id)
                _lose(found.setdefault(walked, {}), key, one, part)
                if part.stop.meter.metering.aggregation == "weighted_sum" and not key.span:
                    levels.append((key.series, one.row.occurred_at, one.row.source, one.row.sender_id))
    if not found:
        return
    series = {key: again for of_walk in found.values() for key, again in of_walk.items()}
    ids = counter_store.ensure_series(list(series))
    aggregate_states.lock_members(
        key for key, again in series.items() if again.metering.recurring and again.last_steps
    )
    state_rebuild.delete_levels([(ids[key], *place) for key, *place in levels])
    _walk(found)
    state_rebuild.replace_states({key: _told(again, key) for again in series.values() for key in again.states}, ids)
    for recurring in (False, True):
        words = {
            (ids[key], digest): step
            for key, again in series.items()
            if again.metering.recurring is recurring
            for digest, step in again.last_steps.items()
        }
        state_rebuild.replace_value_steps(words, recurring=recurring)


def _lose(
    found: dict[RollupSeries, SeriesRebuild], key: AggregateStateKey, one: EventContributions, part: Contribution
) -> None:
    again = found.setdefault(key.series, SeriesRebuild(part.stop.meter.metering))
    again.states[key] = EMPTY
    if again.metering.aggregation == "unique":
        again.last_steps[value_change(part.stop, one.event).digest] = None


def _walk(found: Mapping[EventSelection, dict[RollupSeries, SeriesRebuild]]) -> None:
    """Read the events of these series that still count."""
    spans = Period.objects.in_bulk({walked.period_id for walked in found})
    for walked, of_walk in found.items():
        period = spans[walked.period_id]
        pages = read_pages(
            customer_id=walked.customer_id, names=[walked.name], since=period.starts_at, until=period.ends_at
        )
        for rows in pages:
            for one in read_contributions(rows, since=period.starts_at):
                if one.correction_sequence is None:
                    _take(one, of_walk)


def _take(one: EventContributions, found: Mapping[RollupSeries, SeriesRebuild]) -> None:
    """Add an event to the tallies that are told anew, as far as it belongs to them."""
    for part in one.contributions:
        for key in state_keys(part.stop, one.attribution.bucket):
            again = found.get(key.series)
            if again is None or key not in again.states:
                continue
            mark = EventValue(one.event.occurred_at, one.event.source, one.event.id, Decimal(part.value))
            more = aggregate_event(mark, key.starts_at)
            if again.metering.aggregation == "unique":
                more = AggregateState(1, ZERO, latest=mark, first_at=mark.at)
                _hear(again.last_steps, value_change(part.stop, one.event))
            elif again.metering.measures == "levels" and again.metering.aggregation == "weighted_sum":
                again.levels.setdefault(key, []).append(mark)
            again.states[key] = merge_states(again.states[key], more)


def _hear(words: dict[UUID, MembershipChange | None], joined: ValueChange) -> None:
    """Keep the last word on a value, if it is one of those that lost a word."""
    if joined.digest in words:
        known = words[joined.digest]
        words[joined.digest] = joined.step if known is None else max(known, joined.step)


def _told(again: SeriesRebuild, key: AggregateStateKey) -> AggregateState | None:
    total = again.states[key]
    if not total.events:
        return None
    return replace(total, moment=level_moment(sorted(again.levels[key]))) if key in again.levels else total
