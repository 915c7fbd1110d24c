"""What the usage of a chunk of periods would have been counted as by another version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from billing.closing.records import Closing
from billing.metering.ingest.catalog_cache import current
from billing.metering.rating_inputs.aggregate_quantities import Held, NoRate, read_held
from billing.metering.rating_inputs.period_counters import NOTHING, Counted, Counters, Span, Window, with_tallied
from billing.simulation.candidate.candidate_terms import NotComparable
from billing.simulation.history.billed_periods import Past
from billing.simulation.history.invoiced_amounts import told
from billing.simulation.records import Unpriced
from billing.simulation.usage_sources.event_recount import Replayed, replay
from billing.simulation.usage_sources.source_selection import Way, ways
from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FeatureTerms, Terms, terms_of
from plans.pricing.rating import BEYOND, match_rate

_SUMS = """
SELECT s.period_id, s.meter_id, s.dimensions::text, sum(h.events)::bigint, sum(h.quantity)
FROM unnest(%s::bigint[]) AS asked(period)
CROSS JOIN LATERAL (
    SELECT * FROM billing_series WHERE period_id = asked.period AND meter_id = ANY(%s::bigint[]) OFFSET 0
) s
CROSS JOIN LATERAL (SELECT * FROM billing_hourlyusage WHERE series_id = s.id OFFSET 0) h
GROUP BY s.id, 1, 2, s.dimensions
"""

# What the version in force took no price for is in no counter, and neither in sums by dimensions.
_UNPRICED = """
SELECT DISTINCT p.id, u.event_name FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
JOIN billing_unmatchedusage u ON u.customer_ref = c.external_id AND u.sandbox = c.sandbox AND u.resolved_at IS NULL
    AND u.occurred_at >= p.starts_at AND u.occurred_at < p.ends_at
WHERE p.id = ANY(%s)
"""

Sums = dict[tuple[int, int], list[tuple[dict[str, str], int, Decimal]]]
"""(period, meter) → (dimensions, events, quantity) of each series."""

_dimensions = msgspec.json.Decoder(dict[str, str]).decode


@dataclass(slots=True)
class Usage:
    """
    What a period is rated by: counters of the tried version, and the usage that it has no price for.

    error: why the usage cannot be told, if it cannot.
    """

    counters: Counters = field(default_factory=dict)
    unpriced: list[Unpriced] = field(default_factory=list)
    error: Exception | None = None


def count(past: Past, spans: Mapping[int, Span], *, only: str = "") -> dict[int, Usage]:
    """
    Return the usage of periods as the versions of these spans would have counted it.

    spans: period → the same with the version that is tried. only: take all usage from there, `sums` or `events`.

    """
    unpriced = _read_unpriced(list(spans))
    found = {id_: _ways(past.closings[id_], span, unpriced.get(id_, set()), only) for id_, span in spans.items()}
    wanted = [(id_, way.feature.meter_id) for id_, of in found.items() for way in of if way.source == "sums"]
    sums = _read_sums(wanted) if wanted else {}
    held = read_held(list(spans.values()))
    replayed = replay(past, spans, {id_: features for id_, of in found.items() if (features := _from_events(of))})
    usage = {}
    for id_, span in spans.items():
        own = past.counters.get(id_, {})
        one = usage[id_] = _counted(own, span, found[id_], sums)
        _add_replayed(one, replayed.get(id_))
        _say_what_has_no_price(one, past.closings[id_].span, span, own)
        try:
            until = past.at if past.rows[id_].is_open else None
            _check_levels(found[id_])
            one.counters = with_tallied(one.counters, span, _held(held, replayed.get(id_), span), at=until)
        except (NoRate, NotComparable) as error:
            one.error = error
        if id_ in replayed:
            replayed[id_].give_values(one.counters)
    return usage


def _check_levels(found: Sequence[Way]) -> None:
    for way in found:
        if way.feature.metering.recurring and way.source == "events":
            raise NotComparable(
                f"{way.feature.name} carries its level over from period to period, and the version in force has not"
                " kept it as this one would."
            )


def _ways(closing: Closing, span: Span, unpriced: set[str], only: str) -> list[Way]:
    own, tried = _terms(closing.span), _terms(span)
    meters = {
        meter.id for name in unpriced if (known := current().by_event.get(name)) is not None for meter in known.meters
    }
    found = ways(own, tried, unpriced_meters=meters)
    if only:
        found = [one if one.feature.metering.recurring else Way(one.feature, only) for one in found]  # type: ignore[arg-type]
    return found


def _terms(span: Span) -> Terms:
    return terms_of(span.version_id, span.currency)


def _from_events(found: Iterable[Way]) -> list[FeatureTerms]:
    return [way.feature for way in found if way.source == "events"]


def _counted(own: Counters, span: Span, found: Sequence[Way], sums: Sums) -> Usage:
    usage = Usage()
    for way in found:
        if way.source == "counters":
            _take_counters(usage.counters, own, span, way)
        elif way.source == "sums":
            _take_sums(usage, span, way, sums.get((span.period_id, way.feature.meter_id), []))
    return usage


def _take_counters(counters: Counters, own: Counters, span: Span, way: Way) -> None:
    assert way.own is not None and way.rates is not None  # noqa: S101, PT018, as ways() has it
    for window, by_rate in own.items():
        if window.plan_feature_id != way.own.plan_feature_id:
            continue
        start = window.starts_at if way.keeps_windows else span.starts_at
        for rate_id, counted in by_rate.items():
            if rate_id != BEYOND:  # what a wallet had not is another question
                _add(counters, Window(way.feature.plan_feature_id, start), way.rates[rate_id], counted)


def _take_sums(usage: Usage, span: Span, way: Way, sums: Sequence[tuple[dict[str, str], int, Decimal]]) -> None:
    feature = way.feature
    for dimensions, events, quantity in sums:
        rate = match_rate(feature.price.rates, dimensions) if feature.price else None
        if rate is None:
            usage.unpriced.append(Unpriced(feature.name, feature.unit, told(dimensions), quantity))
        else:
            window = Window(feature.plan_feature_id, span.starts_at)
            _add(usage.counters, window, int(rate.key), Counted(events, quantity, ZERO))


def _add(counters: Counters, window: Window, rate_id: int, more: Counted) -> None:
    by_rate = counters.setdefault(window, {})
    known = by_rate.get(rate_id, NOTHING)
    by_rate[rate_id] = Counted(
        known.events + more.events,
        EXACT.add(known.quantity, more.quantity),
        EXACT.add(known.fingerprint, more.fingerprint),
        EXACT.add(known.carried, more.carried),
    )


def _add_replayed(usage: Usage, replayed: Replayed | None) -> None:
    if replayed is not None:
        for (window, rate_id), counted in replayed.counted.items():
            _add(usage.counters, window, rate_id, counted)
        usage.unpriced += replayed.unpriced


def _held(held: Held, replayed: Replayed | None, span: Span) -> Held:
    """Return what is kept of tallied usage, with what the events have told anew."""
    if replayed is None or not replayed.tallies:
        return held
    own = {**held.tallies.get(span.period_id, {}), **replayed.tallies}
    return held._replace(tallies={**held.tallies, span.period_id: own})


def _say_what_has_no_price(usage: Usage, own: Span, span: Span, counters: Counters) -> None:
    """List what the version in force has charged for and the one that is tried knows nothing of."""
    before, after = _terms(own), _terms(span)
    priced = {one.meter_id for one in after.features if one.price is not None}
    for feature in before.features:
        if feature.meter_id not in priced:
            used = [
                counted.quantity
                for window, by_rate in counters.items()
                for rate_id, counted in by_rate.items()
                if window.plan_feature_id == feature.plan_feature_id and rate_id != BEYOND
            ]
            if any(used):
                usage.unpriced.append(Unpriced(feature.name, feature.unit, "", sum(used, ZERO)))


def _read_sums(wanted: Sequence[tuple[int, int]]) -> Sums:
    found: Sums = {}
    periods, meters = sorted({one for one, _ in wanted}), sorted({one for _, one in wanted})
    with prepared_statements.cursor() as cursor:
        cursor.execute(_SUMS, [periods, meters])
        for period_id, meter_id, dimensions, events, quantity in cursor.fetchall():
            found.setdefault((period_id, meter_id), []).append((_dimensions(dimensions), events, quantity))
    return found


def _read_unpriced(period_ids: Sequence[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_UNPRICED, [list(period_ids)])
        for period_id, name in cursor.fetchall():
            found.setdefault(period_id, set()).add(name)
    return found
