"""Events through HTTP compared with a bare COPY; single events compared with an empty view."""

import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import psycopg
from django.db import connection
from django.utils import timezone

from benchmarks import http_load, sample_books, scratch_server
from benchmarks.http_load import Call
from benchmarks.measurement import Outcome, Report, compare
from customers.api_keys import keys

CONNECTIONS = 2
CUSTOMERS = 1_000
REPEATS = 0.05
STORED = 0.05
"""The share of events that change a weighted sum instead of adding to the three sums."""
PREPAID = 0.2
"""The share of events that are runs instead, which their customer's wallet pays for."""

REFERENCE = """
CREATE TABLE reference_event (
    customer_id bigint NOT NULL, name text NOT NULL, key uuid NOT NULL, occurred_at timestamptz NOT NULL,
    properties jsonb NOT NULL
) PARTITION BY RANGE (occurred_at);
CREATE TABLE reference_event_now PARTITION OF reference_event FOR VALUES FROM ('{since}') TO ('{until}');
CREATE UNIQUE INDEX ON reference_event (customer_id, key, occurred_at);
CREATE INDEX ON reference_event (customer_id, name, occurred_at);
"""


def run(*, batch: int, events: int, rounds: int, report: Report) -> list[Outcome]:
    """Measure batches of `batch` events from two clients, 5% of them repeats, against COPY over two connections."""
    at = timezone.now()
    with scratch_server.database() as url:
        secret = _prepare(at)
        with connection.cursor() as cursor:
            cursor.execute(REFERENCE.format(since=at - timedelta(days=40), until=at + timedelta(days=40)))
        with scratch_server.server(url, workers=CONNECTIONS, threads=1) as port:
            _warm_up(port, secret)
            return [
                compare(
                    lambda: _ingest(port, secret, events, batch),
                    lambda: _copy(events, batch),
                    rounds=rounds,
                    report=report,
                    name=f"ingest, batches of {batch:,}",
                    unit="events/s",
                    measured=(
                        "events through HTTP, deduplicated and rolled up for 5 meters, a fifth paid from wallets"
                    ),
                    against="rows of a bare COPY into the reference table",
                    goal=0.25 if batch >= 1000 else 0.15,
                    more_is_better=True,
                )
            ]


def run_single(*, events: int, rounds: int, report: Report) -> list[Outcome]:
    """Measure one event per request, from eight clients, against an empty authenticated view."""
    at = timezone.now()
    with scratch_server.database() as url:
        secret = _prepare(at)
        with scratch_server.server(url) as port:

            def ours() -> float:
                singles = [Call("POST", "/api/v1/events", body[1:-1]) for body in _bodies(events, 1)]
                return http_load.send(port, secret, singles, clients=8).rate

            def theirs() -> float:
                return http_load.send(
                    port, secret, [Call("POST", "/benchmark/empty", b"{}")] * events, clients=8
                ).rate

            return [
                compare(
                    ours,
                    theirs,
                    rounds=rounds,
                    report=report,
                    name="ingest, single events",
                    unit="requests/s",
                    measured="single events through HTTP",
                    against="an empty authenticated view on the same server",
                    goal=0.35,
                    more_is_better=True,
                )
            ]


def _prepare(at: datetime) -> str:
    version = sample_books.catalog(at, prepaid=True)
    start = at - timedelta(days=15)
    sample_books.subscribe(version, first=0, count=CUSTOMERS, starts_at=start, ends_at=start + timedelta(days=31))
    sample_books.fill_wallets(start, lots=1)
    sample_books.analyze()
    return keys.issue(name="benchmark", scopes=["ingest", "read"], sandbox=False, by=None, at=at)[1]


def _warm_up(port: int, secret: str) -> None:
    """Let each customer use each model once, as by the second day of a month, and fill each worker's caches."""
    chance, now = random.Random(), datetime.now(UTC)
    for _ in range(2 * CONNECTIONS):
        warm_events = [
            _event(f"warm-{uuid4().hex}", customer, now, chance, model=model)
            for customer in range(CUSTOMERS)
            for model in sample_books.MODELS
        ]
        bodies = [
            msgspec.json.encode(warm_events[start : start + 1_000]) for start in range(0, len(warm_events), 1_000)
        ]
        http_load.send(port, secret, [Call("POST", "/api/v1/events", body) for body in bodies], clients=CONNECTIONS)


def _ingest(port: int, secret: str, events: int, batch: int) -> float:
    calls = [Call("POST", "/api/v1/events", body) for body in _bodies(events, batch)]
    return events / http_load.send(port, secret, calls, clients=CONNECTIONS).elapsed


def _bodies(events: int, batch: int) -> list[bytes]:
    events_list = list(_events(events))
    return [msgspec.json.encode(events_list[start : start + batch]) for start in range(0, events, batch)]


def _events(count: int) -> Iterator[dict[str, object]]:
    """
    Yield events of the last minute, some of them twice.

    A few customers send most of them (Zipf); each has its region and its favorite model, and seven API keys.
    """
    chance, run_id = random.Random(), uuid4().hex[:12]
    weights = [1 / (rank + 1) for rank in range(CUSTOMERS)]
    customers = chance.choices(range(CUSTOMERS), weights, k=count)
    now = datetime.now(UTC)
    sent: list[dict[str, object]] = []
    for number, customer in enumerate(customers):
        if sent and chance.random() < REPEATS:
            yield sent[chance.randrange(len(sent))]
            continue
        sent.append(_event(f"{run_id}-{number}", customer, now, chance))
        yield sent[-1]


def _event(key: str, customer: int, now: datetime, chance: random.Random, *, model: str = "") -> dict[str, object]:
    random_share = chance.random()
    is_stored = random_share < STORED
    event_name = sample_books.PREPAID if random_share < STORED + PREPAID else sample_books.EVENT
    return {
        "id": key,
        "customer": f"c{customer}",
        "event": sample_books.STORED if is_stored else event_name,
        "timestamp": (now - timedelta(milliseconds=chance.randrange(60_000))).isoformat(),
        "properties": {"gigabytes": chance.randrange(1, 90)}
        if is_stored
        else {
            "model": model
            or (sample_books.MODELS[customer % 4] if chance.random() < 0.75 else chance.choice(sample_books.MODELS)),
            "region": sample_books.REGIONS[customer % 3],
            "prompt_tokens": chance.randrange(1, 6_000),
            "completion_tokens": chance.randrange(1, 600),
            "seconds": chance.randrange(1, 9_000) / 1000,
            "api_key": f"key-{chance.randrange(7)}",
        },
    }


def _copy(events: int, batch: int) -> float:
    """Copy rows of the same size into the reference table over as many connections, with a commit per batch."""
    rows = [_row(event) for event in _events(events)]
    batches = [b"".join(rows[start : start + batch]) for start in range(0, events, batch)]
    connections = [_connect() for _ in range(CONNECTIONS)]
    threads = [
        threading.Thread(target=_copy_batches, args=(database, batches[number::CONNECTIONS]))
        for number, database in enumerate(connections)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    for open_connection in connections:
        open_connection.close()
    return events / elapsed


def _row(event: dict[str, object]) -> bytes:
    customer = str(event["customer"])[1:]
    document = msgspec.json.encode(event["properties"]).decode()
    return f"{customer}\t{event['event']}\t{uuid4()}\t{event['timestamp']}\t{document}\n".encode()


def _connect() -> psycopg.Connection:
    settings = connection.settings_dict
    facts = {"dbname": settings["NAME"], "user": settings["USER"], "password": settings["PASSWORD"]}
    return psycopg.connect(
        **{name: value for name, value in facts.items() if value},
        host=settings["HOST"],
        port=settings["PORT"] or None,
        autocommit=True,
    )


def _copy_batches(database: psycopg.Connection, batches: list[bytes]) -> None:
    for rows in batches:
        with database.cursor().copy("COPY reference_event FROM STDIN") as copy:
            copy.write(rows)
