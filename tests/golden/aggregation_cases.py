"""A case of aggregations.json as a meter, a period and events that go through ingest, by its kind."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from billing.closing.period_reader import read_counters, read_periods_to_close
from billing.metering.ingest import parser
from billing.metering.ingest.event_recorder import record_events
from billing.metering.rating_inputs.aggregate_quantities import (
    NO_OPENING,
    Opening,
    quantities_by_dimensions,
    read_states,
)
from billing.metering.rating_inputs.period_counters import CounterState, add_state_quantities
from billing.metering.usage.breakdown import breakdown
from billing.models import Coverage, LevelChange, Period, Rollup, Subscription
from plans.aggregation.aggregate_state import EventValue, UsageWindow, aggregate_event, to_microseconds
from plans.aggregation.weighted_sum import weighted_sum
from plans.catalog.stored_terms import load_terms
from plans.pricing.rounding import Rounding
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate
from tests.golden.cases import Case, Figures

LATER: dict[str, str] = {}

SECOND = timedelta(seconds=1)
EVENT = "metered"
AGGREGATIONS = {
    "unique_count": "unique",
    "prorated_unique_count": "unique",
    "prorated_sum": "weighted_sum",
}
ROUNDINGS = {"round": "half_up", "ceil": "up", "floor": "down", None: "none"}
LEVELS = ("sum", "latest", "unique", "weighted_sum")


def figures(case: Case) -> Figures:
    """Return what our meter counts of a case's events in its period."""
    options = case.get("options") or {}
    subscription, period = world(case, options)
    found: Figures = {"running_total": []}
    for event in case["events"]:
        send(case, event, subscription)
        if "running_total" in case["expected"] and (so_far := total(period)).events > len(found["running_total"]):
            found["running_total"].append(so_far.used)
    counted, entered = total(period), carried_over(period)
    found |= {"value": shown(case, counted.used, options), "count": Decimal(counted.events)}
    if options.get("recurring"):
        found["count"] += entered.events  # the case counts the events behind the level, of whatever period
    units = counted.quantity + entered.total
    found |= {"units": units, "variation": counted.quantity, "total_units": units}
    if "bucket" in options:
        buckets = windows(case, subscription, period, options["bucket"])
        found["value"] = sum((bucket["value"] for bucket in buckets), Decimal(0))
    if "breakdown" in case["expected"]:
        found["breakdown"] = shares(period)
    if "group_by" in options:
        found["groups"] = groups(case, period, options["group_by"])
    if "window" in options:
        found["windows"] = windows(case, subscription, period, options["window"])
    return found


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def world(case: Case, options: dict[str, Any]) -> tuple[Subscription, Period]:
    """Subscribe a customer to one meter, with a period for what comes before the case's own."""
    kind = AGGREGATIONS.get(case["kind"], case["kind"])
    recurring = bool(options.get("recurring") or "initial_value" in options) and kind in LEVELS
    rounding = options.get("rounding") or {"function": None, "precision": 0}
    meter = make_meter(
        "golden",
        event_name=EVENT,
        aggregation=kind,
        value_property="" if kind == "count" else case["field"],
        operation_property="operation_type" if kind == "unique" else "",
        recurring=recurring,
        filters=options.get("filters") or {},
        excludes=options.get("exclude") or [],
        dimensions=options.get("group_by") or [],
        rounding=ROUNDINGS[rounding["function"]],
        rounding_places=rounding["precision"] or 0,
    )
    feature = make_feature("golden", meter=meter)
    start, end = moment(case["period"]["start"]), moment(case["period"]["end"])
    if case["period"]["end_inclusive"]:
        end = (end + SECOND).replace(microsecond=0)
    before = min([start, *(moment(event["timestamp"]) for event in case["events"])]) - timedelta(days=1)
    version = publish(make_plan(offers=[offer(feature, rates=[rate("1")])]), at=before)
    customer = make_customer("golden", time_zone=case["timezone"])
    subscription = Subscription.objects.create(
        external_id="golden", customer=customer, version=version, currency="USD", starts_at=before, anchor_at=start
    )
    Coverage.objects.create(
        customer=customer, feature=feature, subscription=subscription, named=False, during=(before, None)
    )
    own = {"subscription": subscription, "version": version}
    Period.objects.create(**own, starts_at=before, ends_at=start, due_at=start)
    period = Period.objects.create(**own, starts_at=start, ends_at=end, due_at=end)
    if "initial_value" in options:
        opening = {"timestamp": before.isoformat(), "properties": {case["field"]: options["initial_value"]}}
        send(case, {"id": "opening", **opening}, subscription)
    return subscription, period


def send(case: Case, event: dict[str, Any], subscription: Subscription) -> None:
    body = {
        "specversion": "1.0",
        "id": event["id"],
        "source": event.get("source", "golden"),
        "type": EVENT,
        "subject": subscription.customer.external_id,
        "time": event["timestamp"],
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
    """Return what was counted in the period, with what the meter makes of it."""
    span = read_periods_to_close([period.pk])[period.pk].span
    counters = add_state_quantities(read_counters([period.pk]).get(period.pk, {}), span, read_states([span]))
    found = [one for by_rate in counters.values() for one in by_rate.values()]
    return found[0] if found else CounterState(0, Decimal(0), Decimal(0))


def carried_over(period: Period) -> Opening:
    """Return what the period was entered with, of usage without dimensions."""
    span = read_periods_to_close([period.pk])[period.pk].span
    by_meter = read_states([span]).openings.get(period.pk, {})
    return next(iter(by_meter.values()), {}).get((), NO_OPENING)


def shown(case: Case, value: Decimal, options: dict[str, Any]) -> Decimal:
    """Return a quantity as the meter rounds it, and to as many places as the case shows."""
    rounding = options.get("rounding")
    if rounding and rounding["function"]:
        value = Rounding(ROUNDINGS[rounding["function"]], rounding["precision"] or 0).apply(value)
    places = case["expected"].get("value_dp")
    if places is None:
        return value
    mode = ROUND_UP if case["expected"].get("value_rounding") == "up" else ROUND_HALF_UP
    return value.quantize(Decimal(1).scaleb(-places), mode)


def groups(case: Case, period: Period, names: list[str]) -> list[Figures]:
    """Return the quantity and the events of each value of the dimensions."""
    span = read_periods_to_close([period.pk])[period.pk].span
    feature = load_terms(period.version_id, "USD").features[0]
    found: dict[tuple[tuple[str, str], ...], list[Decimal]] = {}
    for row in Rollup.objects.filter(period=period):
        sums = found.setdefault(tuple(sorted(row.dimensions.items())), [Decimal(0), Decimal(0)])
        sums[0] += row.quantity
        sums[1] += row.events
    if feature.metering.needs_aggregate_state:
        for dimensions, quantity in quantities_by_dimensions(span, feature, read_states([span])).items():
            found.setdefault(dimensions, [quantity, Decimal(0)])[0] = quantity
    for dimensions, opening in read_states([span]).openings.get(period.pk, {}).get(feature.meter_id, {}).items():
        found[dimensions][1] += opening.events
    ours = [
        {
            "key": {name: dict(dimensions).get(name) for name in names},
            "value": shown(case | {"expected": case["expected"]["groups"][0]}, quantity, {}),
            "count": events,
        }
        for dimensions, (quantity, events) in found.items()
    ]
    order = [group["key"] for group in case["expected"]["groups"]]
    assert len(ours) == len(order)
    return sorted(ours, key=lambda one: order.index(one["key"]))


def shares(period: Period) -> list[Decimal]:
    """Return what each event adds to a weighted sum, to three places."""
    start, end = period.starts_at, period.ends_at
    window = UsageWindow(start, end, to_microseconds(timedelta(days=31)))
    levels = LevelChange.objects.filter(series__period=period).order_by("at")
    added = [
        weighted_sum("deltas", aggregate_event(EventValue(level.at, "", "", level.value), start), window)
        for level in levels
    ]
    return [one.quantize(Decimal("0.001"), ROUND_HALF_UP) for one in added]


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
            "start": _text(case, one.starts_at.astimezone(zone)),
            "end": _text(case, (one.starts_at.astimezone(zone) + timedelta(days=1))),
            "value": one.quantity,
        }
        for one in slices
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
