"""The entitlement check from sixteen concurrent clients, compared with an empty authenticated view."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
from django.utils import timezone

from benchmarks import http_load, sample_books, scratch_server, usage_rows
from benchmarks.http_load import Call, Timing
from benchmarks.measurement import Outcome, Report
from customers.api_keys import keys

CUSTOMERS = 1_000
EVENTS = 100_000
CLIENTS = 16
CALLS = 4_000


def run(*, rounds: int, report: Report) -> list[Outcome]:
    """Measure the median and the 99th percentile of the time of a check."""
    at = timezone.now()
    start = (at - timedelta(days=16)).replace(hour=0, minute=0, second=0, microsecond=0)
    with scratch_server.database() as url:
        version = sample_books.catalog(at)
        sample_books.subscribe(version, first=0, count=CUSTOMERS, starts_at=start, ends_at=start + timedelta(days=31))
        usage_rows.store(events=EVENTS, customers=CUSTOMERS, starts_at=start)
        secret = keys.issue(name="benchmark", scopes=["read", "ingest"], sandbox=False, by=None, at=at)[1]
        with scratch_server.server(url) as port:
            checks = [
                Call(
                    "POST",
                    "/api/v1/check",
                    msgspec.json.encode({"customer": f"c{n % CUSTOMERS}", "feature": "tokens"}),
                )
                for n in range(CALLS)
            ]
            empties = [Call("POST", "/benchmark/empty", b"{}")] * CALLS
            sides: list[Callable[[], Timing]] = [
                lambda: http_load.send(port, secret, checks, clients=CLIENTS),
                lambda: http_load.send(port, secret, empties, clients=CLIENTS),
            ]
            timings = [[side() for side in sides] for _ in range(rounds + 1)][1:]
    report(f"check: {rounds} rounds of {CALLS:,} calls by {CLIENTS} clients")
    return [_outcome(timings, percent, goal) for percent, goal in ((50, 1.5), (99, 3.0))]


def _outcome(timings: list[list[Timing]], percent: int, goal: float) -> Outcome:
    ours, theirs = (tuple(pair[side].percentile(percent) * 1e6 for pair in timings) for side in (0, 1))
    return Outcome(
        name=f"check, p{percent}",
        unit="µs",
        ours=ours,
        theirs=theirs,
        measured=f"entitlement check through HTTP, {CLIENTS} clients",
        against="an empty authenticated view",
        goal=goal,
        more_is_better=False,
    )
