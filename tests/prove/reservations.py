"""
Request more than the limit, from many concurrent clients, over HTTP, while web workers are killed.

Each round has its own customer with a limit of 100: a hard cap, a wallet, or a spend cap. All clients check and
reserve at the same time, then commit or release, some of them after a response that was lost; exactly 100 must have
been admitted.
"""

import argparse
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.db import connection

from billing.limits.spend_caps import set_cap
from billing.models import Reservation
from config.postgres import Cluster
from customers.api_keys import keys
from lib.currencies import CREDITS
from lib.task_clock import database_time
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe
from tests.prove.final_check import books_are_sound
from tests.prove.handshake import Handshake
from tests.prove.processes import Deployment, kill
from tests.prove.verdict import Verdict, table
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet

LIMIT = 100
LIMITS = ("hard cap", "wallet", "spend cap")
TIMEOUT_SECONDS = 60
PATIENCE_SECONDS = 180
WINDOW = "reservation.after_write"


@dataclass
class Round:
    """The responses to the clients of a round. let: references that were reserved."""

    customer: str
    feature: str
    let: set[str] = field(default_factory=set)
    ended: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove reservations", description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    verdict = Verdict(f"{options.rounds} rounds of {options.clients} clients for {LIMIT}", seed=options.seed)
    at = database_time()
    secret = keys.issue(name="campaign", scopes=["ingest", "read"], sandbox=False, by=None, at=at)[1]
    round_makers = _round_makers()
    rounds = [round_makers[LIMITS[number % len(LIMITS)]](number) for number in range(options.rounds)]
    connection.close()
    house = Deployment(cluster)
    rows = []
    try:
        house.start("web")
        for number, race_round in enumerate(rounds):
            chance = random.Random(options.seed + number)
            killed = _race(race_round, options.clients, house, secret, chance, with_kill=number % 2 == 1)
            reserved = Reservation.objects.filter(customer__external_id=race_round.customer).count()
            verdict.require(reserved == LIMIT, f"{race_round.customer}: {reserved} were admitted instead of {LIMIT}")
            verdict.require(
                len(race_round.let) == reserved,
                f"{race_round.customer}: {len(race_round.let)} were admitted, but {reserved} are stored",
            )
            connection.close()
            rows.append(
                [
                    LIMITS[number % len(LIMITS)],
                    options.clients,
                    reserved,
                    killed,
                    race_round.unanswered,
                    dict(race_round.ended),
                ]
            )
    finally:
        house.stop()
    table(["limit", "clients", "admitted", "kills inside", "unanswered", "then"], rows)
    books_are_sound(verdict)
    return verdict.conclude()


def _round_makers() -> dict[str, Callable[[int], Round]]:
    """Return, for each limit, a function that makes a customer with it."""
    offers = [
        offer("messages", included=LIMIT, consumption="hard_cap"),
        offer("runs", prices={CREDITS: [rate(1)]}, consumption="credits"),
        offer("calls", rates=[rate(1)]),
    ]
    version = publish(make_plan("campaign", offers=offers))

    def hard_cap(number: int) -> Round:
        subscribe(make_customer(f"capped-{number}"), version)
        return Round(f"capped-{number}", "messages")

    def wallet(number: int) -> Round:
        at = database_time()
        customer = make_customer(f"prepaid-{number}")
        subscribe(customer, version)
        made = Wallet.objects.create(customer=customer)
        # Two lots, so that a hold can span both.
        lots = [
            Grant("purchased", Decimal(LIMIT) - 37, "pack", cost=Decimal(60)),
            Grant("bonus", Decimal(37), "more"),
        ]
        grant(wallet_id=made.pk, grants=lots, at=at)
        return Round(f"prepaid-{number}", "runs")

    def spend_cap(number: int) -> Round:
        subscription = subscribe(make_customer(f"stopped-{number}"), version)
        set_cap(subscription=subscription, amount=Decimal(LIMIT), action="stop", at=database_time())
        return Round(f"stopped-{number}", "calls")

    return dict(zip(LIMITS, (hard_cap, wallet, spend_cap), strict=True))


def _race(
    race_round: Round, clients: int, house: Deployment, secret: str, chance: random.Random, *, with_kill: bool
) -> int:
    """Run the clients concurrently, and kill a web worker that is about to respond; return how many were killed."""
    barrier, lock = threading.Barrier(clients + 1), threading.Lock()
    threads = [
        threading.Thread(
            target=_client, args=(race_round, n, house.port, secret, chance.random(), barrier, lock), daemon=True
        )
        for n in range(clients)
    ]
    for thread in threads:
        thread.start()
    hand = Handshake()
    if with_kill:
        hand.order(WINDOW)
    barrier.wait()
    killed = 0
    if with_kill and (arrived := hand.arrival(seconds=20)) is not None:
        kill(arrived.pid)
        killed = 1
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return killed


def _client(
    race_round: Round,
    number: int,
    port: int,
    secret: str,
    mood: float,
    barrier: threading.Barrier,
    lock: threading.Lock,
) -> None:
    def post(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            answer = post_once(port, secret, path, body)
            if answer is not None and answer[0] < 500:
                return answer
            with lock:
                race_round.unanswered += 1
            time.sleep(0.1)
        raise TimeoutError(path)

    reference = f"{race_round.customer}-{number}"
    arguments = {"customer": race_round.customer, "feature": race_round.feature}
    barrier.wait()
    if not post("/check", arguments)[1]["allowed"]:
        return
    status, made = post("/reservations", {**arguments, "id": reference, "ttl": 3600})
    if status != 201:
        return
    ended = "committed" if mood < 0.5 else "kept"
    with lock:
        race_round.let.add(reference)
        race_round.ended[ended] += 1
    if ended == "committed":
        post(f"/reservations/{made['number']}/commit", {"quantity": "1"})


def post_once(port: int, secret: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """Return status and response, or None if there was none."""
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    try:
        line = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        line.request("POST", f"/api/v1{path}", json.dumps(body), headers)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, HTTPException, ValueError):
        return None
