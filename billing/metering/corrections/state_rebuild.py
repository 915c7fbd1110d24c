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

from billing.metering.ingest.event_contributions import Given, Part, given
from billing.metering.ingest.event_reader import pages_between
from billing.metering.ingest.state_updates import joined_by, tallies_of
from billing.metering.store import aggregate_states, counter_store, state_rebuild
from billing.metering.store.aggregate_states import Joined, TallyKey
from billing.metering.store.counter_store import RollupSeries
from billing.models import Period
from lib.decimals import ZERO
from plans.aggregation.aggregate_state import EMPTY, Aggregate, Mark, add, tally_of
from plans.aggregation.distinct_values import Step
from plans.aggregation.weighted_sum import moment_of_levels
from plans.catalog.stored_terms import Metering


class Walked(NamedTuple):
    """Which events to read again: those of a customer's period with this name."""

    customer_id: int
    name: str
    period_id: int


@dataclass(slots=True)
class Again:
    """
    What is told anew of one series: its tallies, and the last word on each value that lost one.

    levels: of a weighted sum of levels, whose moment is of all of them.
    """

    metering: Metering
    tallies: dict[TallyKey, Aggregate] = field(default_factory=dict)
    levels: dict[TallyKey, list[Mark]] = field(default_factory=dict)
    words: dict[UUID, Step | None] = field(default_factory=dict)


def rebuild(taken: Iterable[Given]) -> None:
    """Tally anew the series that these events gave to, which are taken back by now."""
    found: dict[Walked, dict[RollupSeries, Again]] = {}
    levels: list[tuple[RollupSeries, datetime, str, str]] = []
    for one in taken:
        for part in one.parts:
            for key in tallies_of(part.stop, one.found.bucket):
                walked = Walked(one.row.customer_id or 0, one.row.name, key.series.period_id)
                _lose(found.setdefault(walked, {}), key, one, part)
                if part.stop.meter.metering.aggregation == "weighted_sum" and not key.span:
                    levels.append((key.series, one.row.occurred_at, one.row.source, one.row.sender_id))
    if not found:
        return
    series = {key: again for of_walk in found.values() for key, again in of_walk.items()}
    ids = counter_store.series_ids(list(series))
    aggregate_states.lock_members(key for key, again in series.items() if again.metering.recurring and again.words)
    state_rebuild.forget_levels([(ids[key], *place) for key, *place in levels])
    _walk(found)
    state_rebuild.tell({key: _told(again, key) for again in series.values() for key in again.tallies}, ids)
    for recurring in (False, True):
        words = {
            (ids[key], digest): step
            for key, again in series.items()
            if again.metering.recurring is recurring
            for digest, step in again.words.items()
        }
        state_rebuild.tell_members(words, recurring=recurring)


def _lose(found: dict[RollupSeries, Again], key: TallyKey, one: Given, part: Part) -> None:
    again = found.setdefault(key.series, Again(part.stop.meter.metering))
    again.tallies[key] = EMPTY
    if again.metering.aggregation == "unique":
        again.words[joined_by(part.stop, one.event).digest] = None


def _walk(found: Mapping[Walked, dict[RollupSeries, Again]]) -> None:
    """Read the events of these series that still count."""
    spans = Period.objects.in_bulk({walked.period_id for walked in found})
    for walked, of_walk in found.items():
        period = spans[walked.period_id]
        pages = pages_between(
            customer_id=walked.customer_id, names=[walked.name], since=period.starts_at, until=period.ends_at
        )
        for rows in pages:
            for one in given(rows, since=period.starts_at):
                if one.taken_back is None:
                    _take(one, of_walk)


def _take(one: Given, found: Mapping[RollupSeries, Again]) -> None:
    """Add an event to the tallies that are told anew, as far as it belongs to them."""
    for part in one.parts:
        for key in tallies_of(part.stop, one.found.bucket):
            again = found.get(key.series)
            if again is None or key not in again.tallies:
                continue
            mark = Mark(one.event.occurred_at, one.event.source, one.event.id, Decimal(part.value))
            more = tally_of(mark, key.starts_at)
            if again.metering.aggregation == "unique":
                more = Aggregate(1, ZERO, latest=mark, first_at=mark.at)
                _hear(again.words, joined_by(part.stop, one.event))
            elif again.metering.measures == "levels" and again.metering.aggregation == "weighted_sum":
                again.levels.setdefault(key, []).append(mark)
            again.tallies[key] = add(again.tallies[key], more)


def _hear(words: dict[UUID, Step | None], joined: Joined) -> None:
    """Keep the last word on a value, if it is one of those that lost a word."""
    if joined.digest in words:
        known = words[joined.digest]
        words[joined.digest] = joined.step if known is None else max(known, joined.step)


def _told(again: Again, key: TallyKey) -> Aggregate | None:
    total = again.tallies[key]
    if not total.events:
        return None
    return replace(total, moment=moment_of_levels(sorted(again.levels[key]))) if key in again.levels else total
