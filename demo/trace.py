"""The demo's usage: the trace's rows as events for the HTTP API, and stray events that can't be billed."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from demo.days import first_day, moment, subscription_start

DATA = Path(__file__).parent / "data"
FILES = ("code", "conv")
EVENT = "llm.request"
UTC_ZONE = ZoneInfo("UTC")


def rows(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file of the demo's data."""
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


@dataclass(frozen=True, slots=True)
class Clock:
    """A customer's time zone, and the first day of its requests."""

    zone: ZoneInfo
    first: date

    @classmethod
    def of(cls, customer: dict[str, str], at: datetime) -> Self:
        zone = ZoneInfo(customer["time_zone"])
        return cls(zone, first_day(at, zone, starts_at=starts_at(customer, at)))


def starts_at(customer: dict[str, str], at: datetime) -> datetime | None:
    """Return when the subscription of a row of customers.csv starts, or None if it has no plan."""
    if not customer["plan"]:
        return None
    return subscription_start(
        at,
        ZoneInfo(customer["time_zone"]),
        months_back=int(customer["months_back"]),
        day=int(customer["day"]),
        clock=time.fromisoformat(customer["time"]),
    )


def events(at: datetime) -> list[dict[str, Any]]:
    """
    Return all events of the demo in the order of time: the whole trace, and the strays.

    at: the demo's today, in whole seconds. The same `at` gives exactly the same events.
    """
    clocks = {customer["external_id"]: Clock.of(customer, at) for customer in rows("customers.csv")}
    unknown = Clock(UTC_ZONE, first_day(at, UTC_ZONE, starts_at=None))
    tokens = {
        f"{name}-{number}": (row["ContextTokens"], row["GeneratedTokens"])
        for name in FILES
        for number, row in enumerate(rows(f"AzureLLMInferenceTrace_{name}.csv"), start=1)
    }
    demo_events = [
        _event(row, *tokens[row["request"]], EVENT, clocks[row["customer"]], at) for row in rows("mapping.csv")
    ]
    for row in rows("strays.csv"):
        clock = clocks.get(row["customer"], unknown)
        demo_events.append(_event(row, row["prompt_tokens"], row["completion_tokens"], row["event"], clock, at))
    return sorted(demo_events, key=lambda event: (event["timestamp"], event["id"]))


def _event(
    row: dict[str, str], prompt: str, completion: str, name: str, clock: Clock, at: datetime
) -> dict[str, Any]:
    happened_at = moment(int(row["place"]), int(row["second"]), first=clock.first, at=at, zone=clock.zone)
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {
        "id": row["request"],
        "customer": row["customer"],
        "event": name,
        "timestamp": f"{happened_at:%Y-%m-%dT%H:%M:%SZ}",
        "properties": {
            **{key: int(value) for key, value in counts.items() if value},
            "model": row["model"],
            "api_key": row["api_key"],
        },
    }
