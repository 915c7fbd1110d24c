"""
Use a sliding quota and a throttle from many concurrent clients each, over HTTP.

Each client uses one unit: it asks, waits as long as the answer says, and asks again until it is let through. An
independent checker then counts the stored events: no minute may have more uses than the quota, or, beyond the start
of the throttle, more than it lets through. At rest, `check` and `reserve` agree, and late events count at their own
time.
"""

import argparse
import random
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.models import Event
from config.postgres import Cluster
from customers.api_keys import keys
from lib.task_clock import database_time
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe
from tests.prove.final_check import books_are_sound
from tests.prove.processes import Deployment
from tests.prove.reservations import post_once
from tests.prove.verdict import Verdict, say, table

START = 20
"""Uses before the throttle begins."""

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
MAX_SPREAD_SECONDS = 15
PATIENCE_SECONDS = 600


@dataclass
class Crowd:
    """The clients of one customer. outcomes: how often each answer was given."""

    customer: str
    feature: str
    port: int
    secret: str
    outcomes: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, outcome: str) -> None:
        with self.lock:
            self.outcomes[outcome] += 1

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and response; a request without a response is repeated, so it must be safe to repeat."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            answer = post_once(self.port, self.secret, path, body)
            if answer is not None and answer[0] < 500:
                return answer
            self.count("unanswered")
            time.sleep(0.1)
        raise TimeoutError(path)

    def check(self, quantity: int = 1) -> dict[str, Any]:
        body = {"customer": self.customer, "feature": self.feature, "quantity": str(quantity)}
        return self.post("/check", body)[1]

    def reserve(self, reference: str, quantity: int = 1) -> tuple[int, dict[str, Any]]:
        body = {"customer": self.customer, "feature": self.feature, "quantity": str(quantity)}
        return self.post("/reservations", {**body, "id": reference, "ttl": 3600})

    def release(self, reservation: dict[str, Any]) -> None:
        self.post(f"/reservations/{reservation['number']}/release", {})

    def use(self, reference: str, chance: random.Random) -> float | None:
        """
        Use one unit now; return the seconds to wait if that is not possible yet.

        A use is a checked report, where a refusal can be expected, or a reservation that is committed.
        """
        answer = self.check()
        if wait := _wait(answer):
            self.count("check: wait")
            return wait
        # A report can't be taken back, so only a quota, which refuses, is used by reports.
        if self.feature == "runs" and chance.random() < 0.25:
            event = {"id": reference, "customer": self.customer, "event": self.feature}
            status, refusal = self.post("/events?check=true", event)
            return self._end("reported", status, refusal)
        status, reservation = self.reserve(reference)
        if status != 201:
            return self._end("reserved", status, reservation)
        if wait := _wait(reservation["check"]) if reservation.get("check") else 0:
            self.release(reservation)
            self.count("reserve: wait")
            return wait
        if chance.random() < 0.2:
            self.release(reservation)
            self.count("released")
            return 1
        status, _ = self.post(f"/reservations/{reservation['number']}/commit", {"quantity": "1"})
        return self._end("committed", status, {})

    def _end(self, way: str, status: int, refusal: dict[str, Any]) -> float | None:
        self.count(way if status < 300 else f"{way}: refused")
        return None if status < 300 else _wait(refusal.get("limit", {})) or 1


def _wait(answer: dict[str, Any]) -> float:
    """Return the seconds that an answer asks to wait; 0 if the usage may begin."""
    return float(answer.get("retry_after") or (0 if answer.get("allowed") else 1))


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove quotas", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--most", type=int, default=100, help="uses a minute of the quota and of the throttle")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    most, clients = options.most, options.clients
    verdict = Verdict(f"{clients} clients each on a quota and a throttle of {most} a minute", seed=options.seed)
    secret = keys.issue(name="campaign", scopes=["ingest", "read"], sandbox=False, by=None, at=database_time())[1]
    quota = {"kind": "quota", "window_unit": "minute", "most": Decimal(most)}
    throttle = {"kind": "throttle", "most": Decimal(most)}
    offers = [
        offer("runs", rates=[rate(0)], limits=[quota]),
        offer("calls", included=START, rates=[rate("0.01")], limits=[throttle]),
    ]
    version = publish(make_plan("campaign", offers=offers))
    for customer in ("quota", "throttle"):
        subscribe(make_customer(customer), version)
    connection.close()
    house = Deployment(cluster)
    crowds = [Crowd("quota", "runs", house.port, secret), Crowd("throttle", "calls", house.port, secret)]
    try:
        house.start("web")
        _use_all(crowds, clients, options.seed)
        used = [len(_times(crowd)) for crowd in crowds]
        for crowd, uses in zip(crowds, used, strict=True):
            verdict.require(uses == clients, f"{crowd.customer}: {uses} of {clients} uses are stored")
        busiest = [
            _most_in_a_window(_times(crowd)[start:], MINUTE) for crowd, start in zip(crowds, (0, START), strict=True)
        ]
        verdict.require(busiest[0] <= most, f"a minute has {busiest[0]} uses of a quota of {most}")
        # A waiting time may be up to a second too short.
        slowed = _most_in_a_window(_times(crowds[1])[START:], MINUTE - SECOND)
        verdict.require(slowed <= most, f"59 seconds have {slowed} uses beyond the start of a throttle of {most}")
        _checks_and_reservations_agree(crowds[0], most, verdict)
        _late_events_count_at_their_time(crowds[0], verdict)
        _the_throttle_waits_long_enough(crowds[1], most, verdict)
    finally:
        house.stop()
    table(
        ["limit", "clients", "uses", "most in a minute", "then"],
        [
            [crowd.customer, clients, uses, most_uses, dict(sorted(crowd.outcomes.items()))]
            for crowd, uses, most_uses in zip(crowds, used, busiest, strict=True)
        ],
    )
    books_are_sound(verdict)
    return verdict.conclude()


def _use_all(crowds: Sequence[Crowd], clients: int, seed: int) -> None:
    """Run the clients of all crowds: half of them start at once, the others within a few seconds."""
    barrier = threading.Barrier(clients * len(crowds))

    def client(crowd: Crowd, number: int) -> None:
        chance = random.Random(f"{seed} {crowd.customer} {number}")
        barrier.wait()
        if number % 2:
            time.sleep(chance.random() * MAX_SPREAD_SECONDS)
        tries = 0
        while (wait := crowd.use(f"{crowd.customer}-{number}-{tries}", chance)) is not None:
            tries += 1
            time.sleep(wait)

    threads = [
        threading.Thread(target=client, args=(crowd, number), daemon=True)
        for crowd in crowds
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)


def _times(crowd: Crowd) -> list[datetime]:
    """Return the times of a crowd's stored events, in order."""
    return list(
        Event.objects.filter(customer_ref=crowd.customer)
        .order_by("occurred_at")
        .values_list("occurred_at", flat=True)
    )


def _most_in_a_window(times: Sequence[datetime], window: timedelta) -> int:
    """Return the most events in any [t, t + window), by counting from each event on."""
    return max((bisect_left(times, at + window) - index for index, at in enumerate(times)), default=0)


def _checks_and_reservations_agree(crowd: Crowd, most: int, verdict: Verdict) -> None:
    """At rest, `reserve` admits a quantity exactly if `check` allows it."""
    agreed = 0
    for number in range(20):
        # Enough is used again for some quantities to fit and others not.
        for use in range(3):
            event = {"id": f"rest-{number}-{use}", "customer": crowd.customer, "event": crowd.feature}
            crowd.post("/events", event)
        quantity = max(1, most - int(crowd.check()["limits"][0]["used"]) + number % 3 - 1)
        before = crowd.check(quantity)["allowed"]
        status, reservation = crowd.reserve(f"rest-{number}", quantity)
        if status == 201:
            crowd.release(reservation)
        # Room may return in between; only two equal answers around a reservation say which one it must get.
        if before == crowd.check(quantity)["allowed"]:
            agreed += 1
            verdict.require((status == 201) == before, f"check says {before} and reserve answers {status}")
    verdict.require(agreed >= 10, f"only {agreed} of 20 pairs of checks were comparable")
    say(f"  check and reserve agree at rest, {agreed} times")


def _late_events_count_at_their_time(crowd: Crowd, verdict: Verdict) -> None:
    """A late event counts in the window it belongs to: not at all if that has passed, at once if it is now."""
    for name, age in (("passed", 10 * MINUTE), ("recent", 20 * SECOND)):
        at = database_time() - age
        event = {"id": name, "customer": crowd.customer, "event": crowd.feature, "timestamp": at.isoformat()}
        crowd.post("/events", event)
        stored = Event.objects.get(sender_id=name).occurred_at
        verdict.require(stored == at, f"the {name} event of {at} is stored at {stored}")
        _used_agrees_with_events(crowd, f"after the {name} event", verdict)
    say("  late events count at their own time")


def _used_agrees_with_events(crowd: Crowd, when: str, verdict: Verdict) -> None:
    """Check the quota's uses against the events; room returns at most a second, its bucket, late."""
    before = database_time()
    used = int(crowd.check()["limits"][0]["used"])
    after = database_time()
    times = _times(crowd)
    least = bisect_left(times, before) - bisect_left(times, after - MINUTE)
    greatest = bisect_left(times, after) - bisect_left(times, before - MINUTE - SECOND)
    verdict.require(least <= used <= greatest, f"{when}, {used} uses are counted, and {least} to {greatest} stored")


def _the_throttle_waits_long_enough(crowd: Crowd, most: int, verdict: Verdict) -> None:
    """At rest, a client that waits as long as the throttle says is let through, and not much earlier."""
    for use in range(most + 10):
        crowd.post("/events", {"id": f"more-{use}", "customer": crowd.customer, "event": crowd.feature})
    wait = _wait(crowd.check())
    if not verdict.require(1 <= wait <= 62, f"a throttle of {most} with more uses says to wait {wait:.0f} s"):
        return
    last = database_time()
    time.sleep(max(0.0, wait))
    verdict.require(not _wait(crowd.check()), f"after {wait:.0f} s, the throttle says to wait longer")
    times = [at for at in _times(crowd) if at > last + timedelta(seconds=wait) - MINUTE + SECOND]
    verdict.require(len(times) < most, f"the throttle lets a use through {len(times)} others of the same minute")
    say(f"  a wait of {wait:.0f} s at rest was long enough")
