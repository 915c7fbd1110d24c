"""
Spends from one hot wallet compared with the smallest correct statements; prepaid usage in batches compared with
single spends.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from uuid import uuid4

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from benchmarks import http_load, sample_books, scratch_server
from benchmarks.http_load import Call
from benchmarks.measurement import Outcome, Report, compare
from customers.api_keys import keys
from lib import prepared_statements
from plans.models import Plan, PlanVersion
from wallets.ledger.spend import spend
from wallets.models import Wallet

CLIENTS = 20
LOTS = 5
BATCH = 1_000
SENDERS = 2

REFERENCE = """
CREATE TABLE reference_wallet (id bigint PRIMARY KEY, balance numeric(32, 12) NOT NULL CHECK (balance >= 0));
CREATE TABLE reference_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, wallet_id bigint NOT NULL, reference text NOT NULL,
    amount numeric(32, 12) NOT NULL, at timestamptz NOT NULL, UNIQUE (wallet_id, reference)
);
INSERT INTO reference_wallet VALUES (1, 1000000000);
"""
_TAKE = "UPDATE reference_wallet SET balance = balance - %s WHERE id = 1 AND balance >= %s"
_NOTE = "INSERT INTO reference_entry (wallet_id, reference, amount, at) VALUES (1, %s, %s, %s)"


def run(*, spends: int, events: int, rounds: int, report: Report) -> list[Outcome]:
    """Measure twenty clients on one wallet of five lots, then two clients that send prepaid events in batches."""
    at = timezone.now()
    with scratch_server.database() as url:
        wallet_id, secret = _prepare(at)
        with connection.cursor() as cursor:
            cursor.execute(REFERENCE)
        sample_books.analyze()

        def ours() -> float:
            return _rate(spends, _spend, wallet_id)

        hot = compare(
            ours,
            lambda: _rate(spends, _take, 0),
            rounds=rounds,
            report=report,
            name=f"wallet, one hot wallet, {CLIENTS} clients",
            unit="spends/s",
            measured=f"spends from {LOTS} lots, in a sealed double-entry ledger",
            against="one guarded UPDATE and one INSERT in a transaction",
            goal=0.5,
            more_is_better=True,
        )
        with scratch_server.server(url, workers=SENDERS, threads=1) as port:
            batched = compare(
                lambda: _ingest(port, secret, events),
                ours,
                rounds=rounds,
                report=report,
                name=f"wallet, taken at ingest, batches of {BATCH:,}",
                unit="spends/s",
                measured=f"events paid from one wallet through HTTP, {SENDERS} clients",
                against="single spends, as above",
                goal=10,
                more_is_better=True,
            )
        return [hot, batched]


def _prepare(at: datetime) -> tuple[int, str]:
    """Return a wallet whose customer pays for runs with credits, and an API key for sending them."""
    version = PlanVersion.objects.create(plan=Plan.objects.create(code="prepaid", name="Prepaid"), number=1)
    sample_books.offer_prepaid(version)
    sample_books.release(version, at)
    start = at - timedelta(days=15)
    sample_books.subscribe(version, first=0, count=1, starts_at=start, ends_at=start + timedelta(days=31))
    sample_books.fill_wallets(start, lots=LOTS)
    secret = keys.issue(name="benchmark", scopes=["ingest"], sandbox=False, by=None, at=at)[1]
    return Wallet.objects.get().pk, secret


# Single spends ------------------------------------------------------------------------------------------------------

Operation = Callable[[int, str, datetime], None]


def _rate(count: int, operation: Operation, wallet_id: int) -> float:
    """Return the operations per second of twenty processes, each with its own connection."""
    connection.close()
    arguments = [(operation, wallet_id, count // CLIENTS, uuid4().hex) for _ in range(CLIENTS)]
    with get_context("fork").Pool(CLIENTS) as pool:
        pool.starmap(_work, [(operation, wallet_id, 3, uuid4().hex) for _ in range(CLIENTS)], chunksize=1)
        started = time.perf_counter()
        pool.starmap(_work, arguments, chunksize=1)
        return (count // CLIENTS) * CLIENTS / (time.perf_counter() - started)


def _work(operation: Operation, wallet_id: int, count: int, name: str) -> None:
    for number in range(count):
        operation(wallet_id, f"{name}:{number}", datetime.now(UTC))


def _spend(wallet_id: int, reference: str, at: datetime) -> None:
    spend(wallet_id=wallet_id, amount=sample_books.RUN_COSTS, reference=reference, at=at)


def _take(_: int, reference: str, at: datetime) -> None:
    with transaction.atomic(), prepared_statements.cursor() as cursor:
        cursor.execute(_TAKE, [sample_books.RUN_COSTS, sample_books.RUN_COSTS])
        if cursor.rowcount != 1:
            raise RuntimeError("the reference wallet is empty")
        cursor.execute(_NOTE, [reference, sample_books.RUN_COSTS, at])


# Prepaid use at ingest ----------------------------------------------------------------------------------------------


def _ingest(port: int, secret: str, events: int) -> float:
    chance, name, now = random.Random(), uuid4().hex[:12], datetime.now(UTC).isoformat()
    events_list = [
        {
            "id": f"{name}-{number}",
            "customer": "c0",
            "event": sample_books.PREPAID,
            "timestamp": now,
            "properties": {"model": chance.choice(sample_books.MODELS)},
        }
        for number in range(events)
    ]
    bodies = [msgspec.json.encode(events_list[start : start + BATCH]) for start in range(0, events, BATCH)]
    calls = [Call("POST", "/api/v1/events", body) for body in bodies]
    return events / http_load.send(port, secret, calls, clients=SENDERS).elapsed
