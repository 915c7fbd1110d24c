"""
The levels behind quantities over time, for the workings of invoice lines: docs/metering.md#workings.

They are read for invoices and their previews only; no quantity is computed from them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing.metering.rating_inputs.aggregate_quantities import (
    NO_OPENING,
    Dimensions,
    Opening,
    PeriodStates,
    decode_dimensions,
    find_rate,
)
from billing.metering.rating_inputs.rating_period import RatingPeriod
from lib import prepared_statements
from lib.decimals import EXACT, ZERO, exact_sum, to_plain_string
from plans.aggregation.level_spans import MAX_SPANS, level_spans
from plans.catalog.stored_terms import FeatureTerms, load_terms

# Of each series at most one change more than a line lists, in the order of time; its index has this order.
_LEVELS = """
SELECT s.period_id, s.meter_id, s.dimensions::text, l.at, l.value
FROM billing_series s CROSS JOIN LATERAL (
    SELECT at, value, source, key FROM billing_levelchange WHERE series_id = s.id ORDER BY at, source, key LIMIT %s
) l
WHERE s.period_id = ANY(%s) AND s.meter_id = ANY(%s)
ORDER BY s.id, l.at, l.source, l.key
"""
# A step changes the number of members only if it differs from the one before it, maybe of an earlier period.
_STEPS = """
SELECT s.period_id, s.meter_id, s.dimensions::text, l.at, CASE WHEN l.joins THEN 1 ELSE -1 END::numeric
FROM billing_series s JOIN billing_period p ON p.id = s.period_id CROSS JOIN LATERAL (
    SELECT t.at, t.joins FROM (
        SELECT m.*, lag(m.joins) OVER (PARTITION BY m.digest ORDER BY m.at, m.source COLLATE "C", m.key COLLATE "C")
            AS before
        FROM billing_membershipstep m WHERE m.series_id = s.id
    ) t
    WHERE t.joins <> coalesce(t.before, (
        SELECT v.is_present FROM billing_period e
        JOIN billing_series r ON (r.period_id, r.meter_id, r.dimensions) = (e.id, s.meter_id, s.dimensions)
        JOIN billing_distinctvalue v ON (v.series_id, v.digest) = (r.id, t.digest)
        WHERE e.subscription_id = p.subscription_id AND e.kind = 'regular' AND e.starts_at < p.starts_at
        ORDER BY e.starts_at DESC LIMIT 1
    ), false)
    ORDER BY t.at LIMIT %s
) l
WHERE s.period_id = ANY(%s) AND s.meter_id = ANY(%s)
ORDER BY s.id, l.at
"""

Changes = Mapping[Dimensions, list[tuple[datetime, Decimal]]]
"""Dimensions → (time, value) of the changes of their level, in order."""


class LevelChanges(NamedTuple):
    """The stored changes of levels: (period, meter) → changes."""

    by_meter: Mapping[tuple[int, int], Changes]

    def workings(
        self, period: RatingPeriod, feature: FeatureTerms, rate_id: int, stored: PeriodStates, *, at: datetime | None
    ) -> dict[str, object]:
        """
        Return the levels of a rate as fields of a line's workings; none unless it charges a level over time.

        at: the time up to which they last; default: the period's end.
        """
        if not feature.metering.is_held_over_time:
            return {}
        openings = stored.openings.get(period.period_id, {}).get(feature.meter_id, {})
        by_dimensions = self.by_meter.get((period.period_id, feature.meter_id), {})
        of_rate = [
            dimensions for dimensions in {**openings, **by_dimensions} if find_rate(feature, dimensions) == rate_id
        ]
        end = period.ends_at if at is None else min(at, period.ends_at)
        changes = []
        for dimensions in of_rate:
            listed = by_dimensions.get(dimensions, [])
            if len(listed) > MAX_SPANS:
                end = min(end, listed[-1][0])
            changes += _differences(feature, listed, openings.get(dimensions, NO_OPENING))
        opening = exact_sum(_opening_level(feature, openings.get(dimensions, NO_OPENING)) for dimensions in of_rate)
        spans = level_spans(
            opening, [change for change in changes if change[0] < end], start=period.starts_at, end=end
        )[:MAX_SPANS]
        last = period.ends_at if at is None else min(at, period.ends_at)
        fields: dict[str, object] = {
            "levels": [
                {"level": to_plain_string(level), "from": start.isoformat(), "to": until.isoformat()}
                for level, start, until in spans
            ]
        }
        # The rest is in the events of the line, which can be downloaded.
        return fields | {"levels_until": spans[-1].end.isoformat()} if spans and spans[-1].end < last else fields


NO_LEVEL_CHANGES = LevelChanges({})


def read_level_changes(periods: Iterable[RatingPeriod]) -> LevelChanges:
    """Return the changes of the levels that these periods charge; no statement runs if none does."""
    features = {
        (period.period_id, feature.meter_id): feature
        for period in periods
        for feature in load_terms(period.version_id, period.currency).stateful_features
        if feature.metering.is_held_over_time
    }
    by_meter: dict[tuple[int, int], dict[Dimensions, list[tuple[datetime, Decimal]]]] = {}
    for statement, keys in (
        (_LEVELS, [key for key, feature in features.items() if not feature.metering.held_by]),
        (_STEPS, [key for key, feature in features.items() if feature.metering.held_by]),
    ):
        if not keys:
            continue
        with prepared_statements.cursor() as cursor:
            cursor.execute(statement, [MAX_SPANS + 1, *(list(set(column)) for column in zip(*keys, strict=True))])
            for period_id, meter_id, dimensions, at, value in cursor.fetchall():
                changes = by_meter.setdefault((period_id, meter_id), {})
                changes.setdefault(decode_dimensions(dimensions), []).append((at, value))
    return LevelChanges(by_meter)


def _opening_level(feature: FeatureTerms, opening: Opening) -> Decimal:
    if feature.metering.held_by:
        return Decimal(opening.members)
    return opening.total if feature.metering.measures == "deltas" else opening.latest_value or ZERO


def _differences(
    feature: FeatureTerms, values: list[tuple[datetime, Decimal]], opening: Opening
) -> list[tuple[datetime, Decimal]]:
    """Return the changes of a level by their difference."""
    if feature.metering.measures == "deltas":  # held values are, too
        return values
    level, differences = _opening_level(feature, opening), []
    for at, value in values:
        differences.append((at, EXACT.subtract(value, level)))
        level = value
    return differences
