"""Runs a case of aggregations.json with a meter, a period and events through ingest, by its kind."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from billing.closing.period_reader import read_due_periods
from billing.metering.ingest import parser
from billing.metering.ingest.event_recorder import record_events
from billing.metering.rating_inputs.aggregate_quantities import (
    NO_OPENING,
    Opening,
    compute_rate_quantity,
    read_states,
)
from billing.metering.rating_inputs.period_loader import read_counters, read_rating_inputs
from billing.metering.rating_inputs.rating_period import CounterState
from billing.metering.usage.breakdown import breakdown
from billing.models import Coverage, LevelChange, Period, Rollup, Subscription
from plans.aggregation.aggregate_state import EMPTY, EventValue, UsageWindow, aggregate_event, to_microseconds
from plans.aggregation.weighted_sum import weighted_sum
from plans.catalog.stored_terms import load_terms
from plans.pricing.calendar import Anchor, Interval, boundary
from plans.pricing.rounding import Rounding
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate
from tests.golden.case_figures import Figures
from tests.golden.cases import Case

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
EVENT = "metered"
AGGREGATIONS = {
    "unique_count": "unique",
    "prorated_unique_count": "unique",
    "prorated_sum": "weighted_sum",
}
ROUNDINGS = {"round": "half_up", "ceil": "up", "floor": "down", None: "none"}
LEVELS = ("sum", "latest", "unique", "weighted_sum")


def figures(case: Case) -> Figures:
    """Return the quantities that our meter counts for a case's events in its period."""
    options = case.get("options") or {}
    subscription, period = make_subscription_and_period(case, options)
    results: Figures = {"running_total": []}
    for event in case["events"]:
        send(case, event, subscription)
        if "running_total" in case["expected"] and (so_far := total(period)).events > len(results["running_total"]):
            results["running_total"].append(so_far.used)
    counted, entered = total(period), carried_over(period)
    results |= {"value": rounded_like(case["expected"], counted.used, options), "count": Decimal(counted.events)}
    if options.get("recurring") or options.get("persisted_days"):
        results["count"] += entered.events  # the case counts the events behind the level, of any period
    units = counted.quantity + entered.total
    results |= {"units": rounded_by_meter(units, options), "variation": counted.quantity, "total_units": units}
    if "bucket" in options:
        buckets = windows(case, subscription, period, options["bucket"])
        results["value"] = sum((bucket["value"] for bucket in buckets), Decimal(0))
    if "breakdown" in case["expected"]:
        results["breakdown"] = shares(period)
    if "group_by" in options:
        results["groups"] = groups(case, period, options["group_by"])
    if "window" in options:
        results["windows"] = windows(case, subscription, period, options["window"])
    return results


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def make_subscription_and_period(case: Case, options: dict[str, Any]) -> tuple[Subscription, Period]:
    """Subscribe a customer to one meter, with an earlier period for usage before the case's own period."""
    kind = AGGREGATIONS.get(case["kind"], case["kind"])
    assert options.get("dedupe", "id") == "id"
    held_by = "day" if case["kind"] == "prorated_unique_count" else ""
    recurring = kind in LEVELS and any(
        [held_by, *(options.get(name) for name in ("recurring", "initial_value", "persisted_days"))]
    )
    rounding = options.get("rounding") or {"function": None, "precision": 0}
    meter = make_meter(
        "golden",
        event_name=EVENT,
        aggregation=kind,
        operation_property="operation_type" if kind == "unique" else "",
        recurring=recurring,
        held_by=held_by,
        filters=options.get("filters") or {},
        excludes=options.get("exclude") or [],
        **value_of(case, kind, options),
        rounding=ROUNDINGS[rounding["function"]],
        rounding_places=rounding["precision"] or 0,
    )
    feature = make_feature("golden", meter=meter)
    start, end = moment(case["period"]["start"]), moment(case["period"]["end"])
    if case["period"]["end_inclusive"]:
        end = (end + SECOND).replace(microsecond=0)
    if days := options.get("persisted_days"):
        end = start + int(days) * DAY
    before = min([start, *(moment(event["timestamp"]) for event in case["events"])]) - timedelta(days=1)
    version = publish(make_plan(offers=[offer(feature, rates=[rate("1")])]), at=before)
    customer = make_customer("golden", time_zone=case["timezone"])
    subscription = Subscription.objects.create(
        external_id="golden", customer=customer, version=version, currency="USD", starts_at=before, anchor_at=start
    )
    Coverage.objects.create(
        customer=customer, feature=feature, subscription=subscription, named=False, during=(before, None)
    )
    fields = {"subscription": subscription, "version": version}
    Period.objects.create(**fields, starts_at=before, ends_at=start, due_at=start)
    period = Period.objects.create(**fields, starts_at=start, ends_at=end, due_at=end)
    if "initial_value" in options:
        opening = {"timestamp": before.isoformat(), "properties": {case["field"]: options["initial_value"]}}
        send(case, {"id": "opening", **opening}, subscription)
    month = boundary(Anchor("anniversary", start, Interval("month"), ZoneInfo(case["timezone"])), 1) - start
    assert options.get("period_days", str(month.days)) == str(month.days)
    return subscription, period


def value_of(case: Case, kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the value that the meter reads from an event."""
    dimensions = options.get("group_by") or []
    return {"value_property": "" if kind == "count" else case["field"], "dimensions": dimensions}


def send(case: Case, event: dict[str, Any], subscription: Subscription) -> None:
    """Record an event; where a case says that its values persist from before, at the subscription's start."""
    is_persisted = "persisted_days" in (case.get("options") or {})
    body = {
        "specversion": "1.0",
        "id": event["id"],
        "source": event.get("source", "golden"),
        "type": EVENT,
        "subject": subscription.customer.external_id,
        "time": subscription.starts_at.isoformat() if is_persisted else event["timestamp"],
        "data": event["properties"],
    }
    at = timezone.now()
    oldest = datetime(2000, 1, 1, tzinfo=UTC)
    events, refused, _ = parser.parse_events(
        json.dumps(body).encode(), sandbox=False, at=at, oldest=oldest, newest=at
    )
    assert not refused
    record_events(events=events, sandbox=False, at=at)


def total(period: Period) -> CounterState:
    """Return the counter of the period, with the quantity of the meter's aggregation."""
    span = read_due_periods([period.pk])[period.pk].span
    usage = read_rating_inputs([span]).complete(span, read_counters([period.pk]).get(period.pk, {}))
    counter_states = [counter_state for by_rate in usage.counters.values() for counter_state in by_rate.values()]
    return counter_states[0] if counter_states else CounterState(0, Decimal(0), Decimal(0))


def carried_over(period: Period) -> Opening:
    """Return the opening state of the period, of usage without dimensions."""
    span = read_due_periods([period.pk])[period.pk].span
    by_meter = read_states([span]).openings.get(period.pk, {})
    return next(iter(by_meter.values()), {}).get((), NO_OPENING)


def rounded_by_meter(value: Decimal, options: dict[str, Any]) -> Decimal:
    rounding = options.get("rounding")
    if rounding and rounding["function"]:
        return Rounding(ROUNDINGS[rounding["function"]], rounding["precision"] or 0).apply(value)
    return value


def rounded_like(expected: Figures, value: Decimal, options: dict[str, Any]) -> Decimal:
    """Return a quantity rounded by the meter, and to the decimal places that the case shows."""
    value = rounded_by_meter(value, options)
    places = expected.get("value_dp")
    if places is None:
        return value
    mode = ROUND_UP if expected.get("value_rounding") == "up" else ROUND_HALF_UP
    return value.quantize(Decimal(1).scaleb(-places), mode)


def groups(case: Case, period: Period, names: list[str]) -> list[Figures]:
    """Return the quantity and the events of each value of the dimensions."""
    span = read_due_periods([period.pk])[period.pk].span
    feature = load_terms(period.version_id, "USD").features[0]
    totals: dict[tuple[tuple[str, str], ...], list[Decimal]] = {}
    for row in Rollup.objects.filter(period=period):
        sums = totals.setdefault(tuple(sorted(row.dimensions.items())), [Decimal(0), Decimal(0)])
        sums[0] += row.quantity
        sums[1] += row.events
    if feature.metering.needs_aggregate_state:
        stored = read_states([span])
        states = stored.states.get(period.pk, {}).get(feature.meter_id, {})
        openings = stored.openings.get(period.pk, {}).get(feature.meter_id, {})
        for dimensions in {**states, **openings}:
            opening = openings.get(dimensions, NO_OPENING)
            known = [row.state for row in states.get(dimensions, ()) if not row.span] or [EMPTY]
            quantity = compute_rate_quantity(span, feature, [(state, opening) for state in known], None)
            totals.setdefault(dimensions, [quantity, Decimal(0)])[0] = quantity
    for dimensions, opening in read_states([span]).openings.get(period.pk, {}).get(feature.meter_id, {}).items():
        totals[dimensions][1] += opening.events
    ours = [
        {
            "key": {name: dict(dimensions).get(name) for name in names},
            "value": rounded_like(case["expected"]["groups"][0], quantity, {}),
            "count": events,
        }
        for dimensions, (quantity, events) in totals.items()
    ]
    order = [group["key"] for group in case["expected"]["groups"]]
    assert len(ours) == len(order)
    return sorted(ours, key=lambda group: order.index(group["key"]))


def shares(period: Period) -> list[Decimal]:
    """Return each event's contribution to a weighted sum, to three decimal places."""
    start, end = period.starts_at, period.ends_at
    window = UsageWindow(start, end, to_microseconds(timedelta(days=31)))
    levels = LevelChange.objects.filter(series__period=period).order_by("at")
    added = [
        weighted_sum("deltas", aggregate_event(EventValue(level.at, "", "", level.value), start), window)
        for level in levels
    ]
    return [addition.quantize(Decimal("0.001"), ROUND_HALF_UP) for addition in added]


def windows(case: Case, subscription: Subscription, period: Period, window: str) -> list[Figures]:
    zone = ZoneInfo(case["timezone"])
    slices = breakdown(
        customer_id=subscription.customer_id,
        time_zone=case["timezone"],
        meter_id=period.version.features.get().feature.meter_id,
        since=period.starts_at,
        until=period.ends_at,
        window=window,
    )
    return [
        {
            "start": _text(case, slice.starts_at.astimezone(zone)),
            "end": _text(case, (slice.starts_at.astimezone(zone) + timedelta(days=1))),
            "value": slice.quantity,
        }
        for slice in slices
    ]


def _text(case: Case, at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def run(case: Case) -> Figures:
    return figures(case)


KINDS = (
    "count",
    "sum",
    "max",
    "latest",
    "unique_count",
    "weighted_sum",
    "prorated_sum",
    "prorated_unique_count",
)
RUNNERS: dict[str, Callable[[Case], Figures]] = dict.fromkeys(KINDS, run)
