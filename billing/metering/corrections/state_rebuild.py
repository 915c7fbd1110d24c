"""
Rebuild aggregate states after corrections: docs/metering.md#corrections.

A maximum that is voided doesn't reveal the next greatest value, so the remaining events of its series are read again.
This runs after the counters were moved; no other transaction adds to them until this one ends.
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
    """The events to read again: those of a customer's period with this name."""

    customer_id: int
    name: str
    period_id: int


@dataclass(slots=True)
class SeriesRebuild:
    """
    The rebuild of one series: its aggregate states, and of each value that lost a membership change the last one that
    is left, and those that it lost.

    levels: values of a weighted sum of levels, whose `moment` depends on all of them.
    """

    metering: MeteringTerms
    states: dict[AggregateStateKey, AggregateState] = field(default_factory=dict)
    levels: dict[AggregateStateKey, list[EventValue]] = field(default_factory=dict)
    last_steps: dict[UUID, MembershipChange | None] = field(default_factory=dict)
    lost_steps: dict[UUID, set[MembershipChange]] = field(default_factory=dict)


def rebuild_states(taken: Iterable[EventContributions]) -> None:
    """Rebuild the series that these events contributed to; the events are voided by now."""
    selections: dict[EventSelection, dict[RollupSeries, SeriesRebuild]] = {}
    levels: list[tuple[RollupSeries, tuple[datetime, str, str]]] = []
    for contributions in taken:
        for part in contributions.contributions:
            for key in state_keys(part.stop, contributions.attribution.bucket):
                selection = EventSelection(
                    contributions.row.customer_id or 0, contributions.row.name, key.series.period_id
                )
                _add_to_rebuild(selections.setdefault(selection, {}), key, contributions, part)
                # Levels are stored once per series; states of shorter windows have none of their own.
                if part.stop.meter.metering.aggregation == "weighted_sum" and not key.span:
                    levels.append(
                        (
                            key.series,
                            (contributions.row.occurred_at, contributions.row.source, contributions.row.sender_id),
                        )
                    )
    if not selections:
        return
    series = {key: rebuild for rebuilds in selections.values() for key, rebuild in rebuilds.items()}
    ids = counter_store.ensure_series(list(series))
    # Recurring members outlive their period, so later periods may update them at the same time.
    aggregate_states.lock_members(
        key for key, rebuild in series.items() if rebuild.metering.recurring and rebuild.last_steps
    )
    # Levels of voided events go before the others are read again.
    state_rebuild.delete_levels([(ids[series_key], *place) for series_key, place in levels])
    _read_events_again(selections)
    state_rebuild.replace_states(
        {key: _rebuilt_state(rebuild, key) for rebuild in series.values() for key in rebuild.states},
        ids,
        held={key for key, rebuild in series.items() if rebuild.metering.held_by},
    )
    # Recurring members are replaced last, because they also change the counts of later periods.
    terms = {rebuild.metering for rebuild in series.values() if rebuild.last_steps}
    for metering in sorted(terms, key=lambda metering: metering.recurring):
        rebuilds = {ids[key]: rebuild for key, rebuild in series.items() if rebuild.metering == metering}
        state_rebuild.replace_value_steps(
            {(id_, digest): step for id_, rebuild in rebuilds.items() for digest, step in rebuild.last_steps.items()},
            {
                (id_, digest): steps
                for id_, rebuild in rebuilds.items()
                for digest, steps in rebuild.lost_steps.items()
            },
            recurring=metering.recurring,
            held_by=metering.held_by,
        )


def _add_to_rebuild(
    rebuilds: dict[RollupSeries, SeriesRebuild],
    key: AggregateStateKey,
    event_contributions: EventContributions,
    part: Contribution,
) -> None:
    rebuild = rebuilds.setdefault(key.series, SeriesRebuild(part.stop.meter.metering))
    rebuild.states[key] = EMPTY
    if rebuild.metering.aggregation == "unique":
        change = value_change(part.stop, event_contributions.event)
        rebuild.last_steps[change.digest] = None
        rebuild.lost_steps.setdefault(change.digest, set()).add(change.step)


def _read_events_again(selections: Mapping[EventSelection, dict[RollupSeries, SeriesRebuild]]) -> None:
    """Read the remaining events of these series."""
    periods = Period.objects.in_bulk({selection.period_id for selection in selections})
    for selection, rebuilds in selections.items():
        period = periods[selection.period_id]
        pages = read_pages(
            customer_id=selection.customer_id, names=[selection.name], since=period.starts_at, until=period.ends_at
        )
        for rows in pages:
            for contributions in read_contributions(rows, since=period.starts_at):
                if contributions.correction_sequence is None:
                    _add_event(contributions, rebuilds)


def _add_event(contributions: EventContributions, rebuilds: Mapping[RollupSeries, SeriesRebuild]) -> None:
    """Add an event to the aggregate states being rebuilt that it belongs to."""
    for part in contributions.contributions:
        for key in state_keys(part.stop, contributions.attribution.bucket):
            rebuild = rebuilds.get(key.series)
            if rebuild is None or key not in rebuild.states:
                continue
            event_value = EventValue(
                contributions.event.occurred_at,
                contributions.event.source,
                contributions.event.id,
                Decimal(part.value),
            )
            state = aggregate_event(event_value, key.starts_at)
            if rebuild.metering.aggregation == "unique":
                state = AggregateState(1, ZERO, latest=event_value, first_at=event_value.at)
                _keep_last_step(rebuild.last_steps, value_change(part.stop, contributions.event))
            elif rebuild.metering.measures == "levels" and rebuild.metering.aggregation == "weighted_sum":
                rebuild.levels.setdefault(key, []).append(event_value)
            rebuild.states[key] = merge_states(rebuild.states[key], state)


def _keep_last_step(last_steps: dict[UUID, MembershipChange | None], change: ValueChange) -> None:
    """Keep the last membership change of a value, if the value is one that lost a change."""
    if change.digest in last_steps:
        last_step = last_steps[change.digest]
        last_steps[change.digest] = change.step if last_step is None else max(last_step, change.step)


def _rebuilt_state(rebuild: SeriesRebuild, key: AggregateStateKey) -> AggregateState | None:
    total = rebuild.states[key]
    if not total.events:
        return None
    return replace(total, moment=level_moment(sorted(rebuild.levels[key]))) if key in rebuild.levels else total
