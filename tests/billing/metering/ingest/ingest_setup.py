"""A customer with a plan that counts requests and tokens, and functions that send usage for it."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import ReceivedEvent
from billing.models import Counter, Rollup, Subscription, UnmatchedUsage
from plans.models import Feature, MeterReading, Rate
from tests.billing.metering.ingest.request_parser import NOW, parse
from tests.builders import (
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)


def make_metered_subscription(ref: str = "acme", **fields: Any) -> Subscription:
    """
    Subscribe a customer to a plan that prices API calls, and tokens by model and type.

    An `llm.request` counts its prompt_tokens as input and its completion_tokens as output; failed requests do not
    count.
    """
    offers = [
        offer(calls(), rates=[rate("0.01", label="call")]),
        offer(
            tokens(),
            included=1000,
            rates=[
                rate("0.002", label="gpt output", match={"model": "gpt", "type": "output"}),
                rate("0.001", label="gpt", match={"model": "gpt"}),
                rate("0.0005", label="all others"),
            ],
        ),
    ]
    return subscribe(make_customer(ref, **fields), publish(make_plan(offers=offers)))


def calls() -> Feature:
    return make_feature("calls", meter=make_meter("calls", event_name="api.call"))


def tokens() -> Feature:
    meter = make_meter(
        "tokens",
        event_name="llm.request",
        aggregation="sum",
        dimensions=["model", "meta.region"],
        reading_dimension="type",
        filters={"status": ["ok", "cached"]},
    )
    for type_, name in (("input", "prompt_tokens"), ("output", "completion_tokens")):
        MeterReading.objects.get_or_create(meter=meter, dimension_value=type_, value_property=name)
    return make_feature("tokens", meter=meter)


def call(id_: str, *, customer: str = "acme", **fields: Any) -> dict[str, Any]:
    return {"id": id_, "customer": customer, "event": "api.call", **fields}


def request(id_: str, prompt: Any, completion: Any, *, customer: str = "acme", **properties: Any) -> dict[str, Any]:
    """Return an llm.request of these token counts."""
    sent = {"status": "ok", "model": "gpt", "prompt_tokens": prompt, "completion_tokens": completion, **properties}
    return {"id": id_, "customer": customer, "event": "llm.request", "properties": sent}


def read(*sent: dict[str, Any], sandbox: bool = False, at: datetime = NOW) -> list[ReceivedEvent]:
    events, refused, _ = parse(list(sent), sandbox=sandbox, at=at)
    assert refused == []
    return events


def send(*sent: dict[str, Any], at: datetime = NOW, atomic: bool = False, sandbox: bool = False) -> list[str]:
    """Record these events as the API does, and return their outcomes."""
    return record_events(events=read(*sent, sandbox=sandbox), sandbox=sandbox, at=at, atomic=atomic)


def counted(subscription: Subscription | None = None) -> dict[str, tuple[int, Decimal]]:
    """Return feature/rate/month of the period → (events, quantity), of all counters or of one subscription's."""
    counters = Counter.objects.select_related("period", "plan_feature__feature")
    if subscription is not None:
        counters = counters.filter(period__subscription=subscription)
    labels = {0: "free", **dict(Rate.objects.values_list("id", "label"))}
    return {
        f"{counter.plan_feature.feature.code}/{labels[counter.rate_id]}/{counter.window_start:%m}": (
            counter.events,
            counter.quantity,
        )
        for counter in counters
    }


def rolled_up() -> dict[str, tuple[int, Decimal]]:
    """Return meter, hour and dimensions → (events, quantity) of all rollups."""
    return {
        f"{rollup.meter.code} {rollup.bucket:%m-%d %H:%M} {json.dumps(rollup.dimensions, sort_keys=True)}": (
            rollup.events,
            rollup.quantity,
        )
        for rollup in Rollup.objects.select_related("meter")
    }


def unmatched() -> list[tuple[str, str | None, str]]:
    """Return (reason, meter, detail) of all unmatched usage, in order."""
    reports = UnmatchedUsage.objects.select_related("meter").order_by("id")
    return [(report.reason, report.meter and report.meter.code, report.detail) for report in reports]
