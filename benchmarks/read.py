"""Reading a customer's usage and cost, with ten million events stored and with ten thousand."""

from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from django.utils import timezone

from benchmarks import http_load, sample_books, scratch_server, usage_rows
from benchmarks.http_load import Call
from benchmarks.measurement import Outcome, Report, compare
from customers.api_keys import keys

FEW = 10_000
CUSTOMERS = 1_000
ORDINARY = "c7"
CALLS = 400


def run(*, events: int, rounds: int, report: Report) -> list[Outcome]:
    """
    Measure the median time of a read with many events against few, for an ordinary and a heavy customer, and against
    an empty view.
    """
    with ExitStack() as stack:
        small = _serve(stack, FEW, "_small", report)
        large = _serve(stack, events, "_large", report)
        facts: dict[str, Any] = {"unit": "µs", "more_is_better": False, "rounds": rounds, "report": report}
        many = f"usage and cost of {{}} with {events:,} events stored"
        return [
            compare(
                lambda: _read(large, ORDINARY),
                lambda: _read(small, ORDINARY),
                name="read, ordinary customer",
                measured=many.format(f"a customer of {events // CUSTOMERS:,}"),
                against=f"the same with {FEW:,}",
                goal=1.5,
                **facts,
            ),
            compare(
                lambda: _read(large, usage_rows.HEAVY),
                lambda: _read(small, usage_rows.HEAVY),
                name="read, heavy customer",
                measured=many.format(f"a customer of {events // 20:,}"),
                against=f"the same with {FEW:,}",
                goal=1.5,
                **facts,
            ),
            compare(
                lambda: _read(large, usage_rows.HEAVY),
                lambda: _time(large, Call("GET", "/benchmark/empty")),
                name="read, against an empty view",
                measured=many.format("the heavy customer"),
                against="an empty authenticated view",
                goal=2.0,
                **facts,
            ),
        ]


def _serve(stack: ExitStack, events: int, suffix: str, report: Report) -> tuple[int, str]:
    at = timezone.now()
    start = (at - timedelta(days=16)).replace(hour=0, minute=0, second=0, microsecond=0)
    url = stack.enter_context(scratch_server.database(suffix))
    report(f"storing {events:,} events …")
    version = sample_books.catalog(at)
    sample_books.subscribe(version, first=0, count=CUSTOMERS, starts_at=start, ends_at=start + timedelta(days=31))
    usage_rows.store(events=events, customers=CUSTOMERS, starts_at=start)
    secret = keys.issue(name="benchmark", scopes=["read"], sandbox=False, by=None, at=at)[1]
    return stack.enter_context(scratch_server.server(url)), secret


def _read(served: tuple[int, str], customer: str) -> float:
    return _time(served, Call("GET", f"/api/v1/customers/{customer}/usage"))


def _time(served: tuple[int, str], call: Call) -> float:
    """Return the median time of sequential calls in microseconds."""
    port, secret = served
    return http_load.send(port, secret, [call] * CALLS, clients=1).percentile(50) * 1e6
