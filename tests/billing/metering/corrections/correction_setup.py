"""Correction requests, a plan metered in every way, and a dump of its stored usage."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from billing.metering.corrections import CorrectionOutcome, CorrectionRequest, correct_usage
from billing.metering.ingest.parser import event_key
from billing.models import (
    AggregateState,
    Counter,
    DistinctValue,
    HourlyUsage,
    LevelChange,
    MembershipStep,
    Period,
    Subscription,
)
from billing.subscriptions import generate_periods
from lib.decimals import EXACT
from tests.billing.metering.ingest.ingest_setup import read
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import (
    JAN,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)


def person() -> User:
    return User.objects.get_or_create(username="olga")[0]


def correction_request(
    id_: str,
    replacement: dict[str, Any] | None = None,
    *,
    reason: str = "wrong",
    source: str = "",
    sandbox: bool = False,
) -> CorrectionRequest:
    """Return a request to void an event, or to replace it by another one."""
    new = read(replacement, sandbox=sandbox)[0] if replacement else None
    return CorrectionRequest(0, id_, source, event_key(id_, source=source, sandbox=sandbox), reason, new)


def correct_all(
    *requests: CorrectionRequest, at: datetime = NOW, sandbox: bool = False, atomic: bool = False
) -> list[CorrectionOutcome]:
    return correct_usage(corrections=requests, sandbox=sandbox, at=at, by=person(), atomic=atomic)


def void(*ids: str, at: datetime = NOW) -> list[str]:
    """Void events, and return the outcome of each."""
    return [outcome.status for outcome in correct_all(*(correction_request(id_) for id_ in ids), at=at)]


def replace(id_: str, replacement: dict[str, Any], *, at: datetime = NOW) -> str:
    return correct_all(correction_request(id_, replacement), at=at)[0].status


def sample(id_: str, at: str, value: Any, *, user: str = "ann", op: str = "add", **properties: Any) -> dict[str, Any]:
    """Return an event that every meter of `make_fully_metered_subscription` counts."""
    sent = {"value": value, "user": user, "op": op, "cost": "0.125", **properties}
    return {"id": id_, "customer": "acme", "event": "sampled", "timestamp": at, "properties": sent}


AGGREGATIONS: dict[str, dict[str, Any]] = {
    "count": {"aggregation": "count"},
    "sum": {"aggregation": "sum", "value_property": "value", "price_property": "cost", "dimensions": ["model"]},
    "held": {"aggregation": "sum", "value_property": "value", "recurring": True},
    "max": {"aggregation": "max", "value_property": "value"},
    "min": {"aggregation": "min", "value_property": "value"},
    "average": {"aggregation": "average", "value_property": "value"},
    "latest": {"aggregation": "latest", "value_property": "value", "recurring": True},
    "unique": {
        "aggregation": "unique",
        "value_property": "user",
        "operation_property": "op",
        "recurring": True,
    },
    "distinct": {"aggregation": "unique", "value_property": "user"},
    "days": {
        "aggregation": "unique",
        "value_property": "user",
        "operation_property": "op",
        "recurring": True,
        "held_by": "day",
    },
    "deltas": {"aggregation": "weighted_sum", "value_property": "value", "measures": "deltas", "recurring": True},
    "levels": {"aggregation": "weighted_sum", "value_property": "value", "measures": "levels", "recurring": True},
}


def make_fully_metered_subscription() -> Subscription:
    """Subscribe a customer from January on to a plan that meters an event in every way; periods exist to March."""
    offers = [offer(_feature(code), rates=_rates(code)) for code in AGGREGATIONS]
    offers += [
        offer(
            make_feature("share", meter=_feature("sum").meter),
            rates=[rate(model="percentage", percent=Decimal(2), free_events=1)],
        ),
        offer(make_feature("costs", meter=_feature("sum").meter), rates=[rate(model="dynamic", markup=Decimal(2))]),
    ]
    version = make_plan("metered", offers=offers)
    version.features.get(feature__code="max").prices.update(resets_unit="day")
    subscription = subscribe(make_customer("acme"), publish(version), starts_at=JAN)
    generate_periods(until=NOW)
    return subscription


def _feature(code: str) -> Any:
    return make_feature(code, meter=make_meter(code, **{"event_name": "sampled", **AGGREGATIONS[code]}))


def _rates(code: str) -> list[dict[str, Any]]:
    if code == "sum":
        return [
            rate("0.5", match={"model": "big"}, label="big"),
            rate(tiers=[tier(10, 1), tier(None, "0.5")], label="others"),
        ]
    return [rate("1")]


def stored_usage() -> dict[str, list[Any]]:
    """Return all stored usage other than the events, keyed by natural keys, so that two histories compare."""
    place = ("series__period__starts_at", "series__meter__code", "series__dimensions")
    return {
        "counters": _rows(
            Counter,
            "period__starts_at",
            "plan_feature__feature__code",
            "rate_id",
            "window_start",
            "events",
            "quantity",
            "carried",
            "fingerprint",
        ),
        "hours": _rows(HourlyUsage, *place, "bucket", "events", "quantity"),
        "tallies": _rows(
            AggregateState,
            *place,
            "span",
            "starts_at",
            "events",
            "total",
            "low",
            "high",
            "latest_at",
            "latest_source",
            "latest_key",
            "latest_value",
            "first_at",
            "moment",
            "members",
        ),
        "levels": _rows(LevelChange, *place, "at", "source", "key", "value"),
        "members": _rows(DistinctValue, *place, "value", "at", "source", "key", "is_present"),
        "steps": _rows(MembershipStep, *place, "digest", "at", "source", "key", "joins"),
    }


def _rows(model: Any, *names: str) -> list[Any]:
    rows = model.objects.values_list(*names)
    rows_ = [tuple(_plain(value) for value in row) for row in rows]
    return sorted((row for row in rows_ if "events" not in names or row[names.index("events")] != "0"), key=str)


def _plain(value: Any) -> Any:
    """Return a number without trailing zeros, which depend only on how it was computed."""
    return str(EXACT.normalize(value) + 0) if isinstance(value, Decimal) else str(value)


def late(subscription: Subscription) -> list[str]:
    """Return the months whose period is marked late."""
    periods = Period.objects.filter(subscription=subscription, late_since__isnull=False).order_by("starts_at")
    return [f"{period.starts_at:%m}" for period in periods]
