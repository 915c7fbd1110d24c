"""A customer whose API calls are billed by API key, and functions that send calls."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from billing.models import Subscription
from invoices.models import Line
from plans.models import PlanVersion
from tests.billing.metering.ingest.ingest_setup import send
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

LADDER = [tier(100, 1), tier(None, "0.5")]
SENT: dict[str, Any] = {"(none)": None, '""': "", "1": 1, "1.0": 1.0}

_ids = count(1)


def by_key(
    *,
    bound: int = 1000,
    each: bool = False,
    included: int = 20,
    path: str = "api_key",
    rates: list[dict[str, Any]] | None = None,
    minimum: int | None = None,
    **plan: Any,
) -> PlanVersion:
    """Return a published plan whose calls are billed by API key; an event has `n` calls."""
    split = {"split_by": path, "split_bound": bound, "allowance_per_value": each} if path else {}
    meter = make_meter("calls", event_name="api.call", aggregation="sum", value_property="n", dimensions=["model"])
    offered = offer(
        make_feature("calls", meter=meter),
        included=included,
        rates=rates or [rate(tiers=LADDER)],
        minimum=minimum,
        price=split,
    )
    return publish(make_plan(offers=[offered], **plan))


def subscribe_by_key(ref: str = "acme", **terms: Any) -> Subscription:
    return subscribe(make_customer(ref), by_key(**terms))


def calls(n: int, key: object = ..., *, at: datetime = JAN + timedelta(days=1), **properties: Any) -> dict[str, Any]:
    """Return an event of `n` calls with a key; `...` for an event without one."""
    keyed = {} if key is ... else {"api_key": key}
    return {
        "id": f"call-{next(_ids)}",
        "customer": "acme",
        "event": "api.call",
        "timestamp": at.isoformat(),
        "properties": {"n": n, **keyed, **properties},
    }


def send_calls(*calls_by_key: tuple[str, int], at: datetime = JAN + timedelta(days=1)) -> None:
    """Send one event for each (key, number of calls), each in a batch of its own."""
    for key, n in calls_by_key:
        assert send(calls(n, SENT.get(key, key), at=at), at=at + timedelta(minutes=1)) == ["accepted"]


def usage_lines(**wanted: Any) -> list[tuple[str, Decimal]]:
    """Return description and amount of all usage lines in order."""
    return list(Line.objects.filter(**wanted).exclude(kind="fee").order_by("pk").values_list("description", "amount"))
