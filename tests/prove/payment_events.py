"""Stripe's announcements of its events: late, twice, in any order or not at all; and forged ones."""

import json
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

from config.processes import LOOPBACK
from tests.stripe.localstripe import LocalstripeBooks
from tests.stripe.server import Books, Thing
from tests.stripe.webhook_events import event, signature

KINDS = {
    "payment_intent": ("payment_intent.created", "payment_intent.succeeded", "payment_intent.payment_failed"),
    "checkout.session": ("checkout.session.completed", "checkout.session.expired"),
    "refund": ("refund.created", "charge.refund.updated"),
}
DROPPED = 0.2


class Delivery(NamedTuple):
    """A delivery of an event. due: by the monotonic clock. signed: its signature; empty: sign it when it is sent."""

    due: float
    body: bytes
    event_id: str
    signed: str


class EventPoster(threading.Thread):
    """Posts Stripe's events over real HTTP. announced: ids of the events that we confirmed as stored."""

    def __init__(self, books: Books, port: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.announced: set[str] = set()
        self.refused: list[int] = []
        self._books, self._port, self._chance = books, port, random.Random(seed)
        self._seen: set[str] = set()
        self._waiting: list[Delivery] = []
        self._ends = threading.Event()
        self._failed: queue.Queue[BaseException] = queue.Queue()

    def run(self) -> None:
        while not self._ends.is_set():
            self._waiting += self._news()
            due = [delivery for delivery in self._waiting if delivery.due <= time.monotonic()]
            self._waiting = [delivery for delivery in self._waiting if delivery not in due]
            for delivery in due:
                if self._post(delivery.body, delivery.signed or signature(delivery.body)) == 200:
                    self.announced.add(delivery.event_id)
            self._ends.wait(0.02)

    def end(self) -> None:
        self._ends.set()
        self.join()

    def _news(self) -> "Iterator[Delivery]":
        """Yield events for new objects at Stripe."""
        with self._books.lock:
            new = [thing_ for id_, thing_ in self._books.things.items() if id_ not in self._seen]
            self._seen.update(thing_["id"] for thing_ in new if "id" in thing_)
            copies = json.loads(json.dumps([thing_ for thing_ in new if thing_["object"] in KINDS]))
        for thing in copies:
            for kind in KINDS[thing["object"]]:
                id_ = f"evt_{thing['id']}_{kind}"
                yield from self._deliveries(json.dumps(event(kind, thing, id_=id_)).encode(), id_)

    def _deliveries(self, body: bytes, event_id: str, signed: str = "") -> "Iterator[Delivery]":
        """Yield the deliveries of an event: none, or several at different times."""
        if self._chance.random() >= DROPPED:
            for _ in range(self._chance.randint(1, 3)):
                yield Delivery(time.monotonic() + self._chance.expovariate(2), body, event_id, signed)

    def lie(self, thing: Thing) -> dict[str, int]:
        """Send one of each kind of event that does not come from Stripe just now; return the responses' statuses."""
        number = self._chance.randrange(10**12)
        forged_event = event("payment_intent.succeeded", thing | {"status": "succeeded"}, id_=f"evt_lie_{number}")
        body, now = json.dumps(forged_event).encode(), time.time()
        lies: dict[str, tuple[dict[str, Any], Callable[[bytes], str]]] = {
            "forged": (forged_event, lambda body: signature(body, secret=f"whsec_{number}")),
            "stale": (forged_event, lambda body: signature(body, at=now - 302)),
            "from the future": (forged_event, lambda body: signature(body, at=now + 310)),
            "of another account": (forged_event | {"account": "acct_another"}, signature),
            "of the other mode": (forged_event | {"livemode": True}, signature),
            "replayed": (forged_event | {"id": f"evt_lie_{number}_b"}, lambda _: signature(body)),
        }
        answers = {}
        for kind, (lie, sign) in lies.items():
            content = json.dumps(lie).encode()
            answers[kind] = self._post(content, sign(content))
        return answers

    def _post(self, body: bytes, signed: str) -> int:
        headers = {"Stripe-Signature": signed, "Content-Type": "application/json"}
        try:
            line = HTTPConnection(LOOPBACK, self._port, timeout=30)
            line.request("POST", "/pay/stripe/events", body, headers)
            return line.getresponse().status
        except (OSError, HTTPException):
            return 0


class LocalstripePoster(EventPoster):
    """Posts the events that localstripe sends, as it signed them, and those of its Checkout pages."""

    def _news(self) -> Iterator[Delivery]:
        assert isinstance(self._books, LocalstripeBooks)
        while True:
            try:
                body, signed = self._books.events.get_nowait()
            except queue.Empty:
                return
            yield from self._deliveries(body, json.loads(body)["id"], signed)
