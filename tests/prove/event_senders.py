"""Clients that send usage, keep their own record of acknowledged events, and resend unanswered ones."""

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException

from tests.prove.verdict import Verdict

TIMEOUT_SECONDS = 40
PATIENCE_SECONDS = 180
REPEATED = 0.05


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as its client knows it."""

    id: str
    customer: str
    at: datetime
    units: int

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "customer": self.customer,
            "event": "work.done",
            "timestamp": self.at.isoformat(),
            "properties": {"units": self.units},
        }


class Record:
    """The clients' own knowledge, independent of the server's."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, Sent] = {}
        self.units: defaultdict[str, int] = defaultdict(int)
        self.unanswered = self.waiting = self.repeated = 0
        self._lock = threading.Lock()
        self._latest: list[Sent] = []

    def acknowledge(self, events: Sequence[Sent]) -> None:
        with self._lock:
            for event in events:
                if event.id not in self.acknowledged:
                    self.acknowledged[event.id] = event
                    self.units[event.customer] += event.units
            self._latest = [*self._latest, *events][-1_000:]

    def count(self, *, waiting: int = 0, unanswered: int = 0, repeated: int = 0) -> None:
        with self._lock:
            self.waiting += waiting
            self.unanswered += unanswered
            self.repeated += repeated

    def some_acknowledged(self, chance: random.Random, count: int) -> list[Sent]:
        with self._lock:
            return chance.sample(self._latest, min(count, len(self._latest)))


class Sender:
    """Sends each batch to the server until it is answered, and compares each response with the record."""

    def __init__(self, port: int, secret: str, record: Record, verdict: Verdict) -> None:
        self.port, self.record, self.verdict = port, record, verdict
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._connection: HTTPConnection | None = None

    def send(self, new: Sequence[Sent], repeats: Sequence[Sent] = ()) -> None:
        """Send new events along with some acknowledged before; return when they are answered."""
        body = json.dumps([event.as_json() for event in (*new, *repeats)]).encode()
        give_up = time.monotonic() + PATIENCE_SECONDS
        tries = 0
        while (answer := self._try(body)) is None:
            tries += 1
            self.record.count(unanswered=1)
            if not self.verdict.require(time.monotonic() < give_up, f"a batch got no response after {tries} tries"):
                return
            time.sleep(0.05)
        self._compare(answer, new, repeats, is_first_try=tries == 0)
        self.record.acknowledge(new)
        self.record.count(repeated=len(repeats))

    def _try(self, body: bytes) -> list[str] | None:
        """Return the status of each event, or None if the server did not confirm that they are stored."""
        self.record.count(waiting=1)
        try:
            if self._connection is None:
                self._connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
            self._connection.request("POST", "/api/v1/events", body, self._headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException):
            self._connection = None
            return None
        finally:
            self.record.count(waiting=-1)
        if answer.status >= 500:
            return None
        self.verdict.require(answer.status == 200, f"events got a response of {answer.status}: {text[:300]!r}")
        return [event_result["status"] for event_result in json.loads(text).get("results", [])]

    def _compare(
        self, statuses: Sequence[str], new: Sequence[Sent], repeats: Sequence[Sent], *, is_first_try: bool
    ) -> None:
        wanted = {"accepted"} if is_first_try else {"accepted", "duplicate"}
        for event, status in zip(new, statuses, strict=False):
            self.verdict.require(status in wanted, f"event {event.id}, sent for the first time, was {status}")
        for event, status in zip(repeats, statuses[len(new) :], strict=False):
            # An “accepted” repeat would be stored twice, or was lost after it was acknowledged.
            self.verdict.require(status == "duplicate", f"acknowledged event {event.id}, sent again, was {status}")


class Client(threading.Thread):
    """A backend of the seller: it reports usage of `customers`, sometimes some of it twice."""

    def __init__(self, sender: Sender, customers: Sequence[str], *, since: datetime, seed: int) -> None:
        super().__init__(daemon=True)
        self.sender, self.customers, self.since = sender, customers, since
        self.chance = random.Random(seed)
        self.name = f"client-{seed}"
        self._stop_asked = threading.Event()
        self._serial = 0

    def run(self) -> None:
        record = self.sender.record
        while not self._stop_asked.is_set():
            repeats = record.some_acknowledged(self.chance, 3) if self.chance.random() < REPEATED * 5 else []
            self.sender.send([self._event() for _ in range(self.chance.randint(1, 20))], repeats)
            self._stop_asked.wait(self.chance.uniform(0, 0.3))

    def finish(self) -> None:
        """Wait until the client's last batch is answered."""
        self._stop_asked.set()
        self.join(PATIENCE_SECONDS + TIMEOUT_SECONDS)
        self.sender.verdict.require(not self.is_alive(), f"{self.name} is still waiting for a response")

    def _event(self) -> Sent:
        self._serial += 1
        passed = timedelta(seconds=self.chance.uniform(0, 3600))
        customer = self.chance.choice(self.customers)
        return Sent(f"{self.name}-{self._serial}", customer, self.since + passed, self.chance.randint(1, 999))
