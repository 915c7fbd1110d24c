"""
Hold a quantity before it is used.

    with client.reservations.hold("acme", "llm.tokens", 5000) as held:
        held.commit(run_the_model())

What is committed is stored; a block that ends without a commit, by an error or not, gives all of it back.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from tollbook_client import serialization
from tollbook_client.connection import Connection
from tollbook_client.deserialization import read
from tollbook_client.problems import TollbookError
from tollbook_client.resources.usage import Cost

logger = logging.getLogger(__name__)

Number = Decimal | int | str


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is held. state: open, committed, released or lapsed. held: what wallets keep for it."""

    number: int
    id: str
    customer: str
    feature: str
    quantity: Decimal
    state: str
    reserved_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    used: Decimal | None = None
    held: Cost | None = None


class ActiveReservation:
    """A reservation in use."""

    def __init__(self, reservations: "Reservations", reservation: Reservation) -> None:
        self._reservations, self.reservation = reservations, reservation

    def commit(self, quantity: Number | None = None, *, events: Sequence[Mapping[str, Any]] = ()) -> Reservation:
        """Store what was used, and give the rest back."""
        self.reservation = self._reservations.commit(self.reservation.number, quantity, events=events)
        return self.reservation

    def release(self) -> Reservation:
        """Give all of it back."""
        self.reservation = self._reservations.release(self.reservation.number)
        return self.reservation


class Reservations:
    """`client.reservations`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def reserve(
        self,
        customer: str,
        feature: str,
        quantity: Number = 1,
        *,
        ttl: int = 300,
        id: str | None = None,
        subscription: str = serialization.OMITTED,
        properties: Mapping[str, str] = serialization.OMITTED,
    ) -> Reservation:
        """
        Hold so much, for `ttl` seconds. The same id again is the same reservation.

        :raises LimitReached: if a limit stands against it.
        """
        body = {"id": id or uuid4().hex, "customer": customer, "feature": feature, "quantity": str(quantity)}
        more = serialization.without_omitted(ttl=ttl, subscription=subscription, properties=properties)
        return read(Reservation, self._connection.json("POST", "/reservations", body={**body, **more}))

    def get(self, number: int) -> Reservation:
        """:raises NotFound: if there is none."""
        return read(Reservation, self._connection.json("GET", f"/reservations/{number}"))

    def commit(
        self, number: int, quantity: Number | None = None, *, events: Sequence[Mapping[str, Any]] = ()
    ) -> Reservation:
        """
        Store what was used: so much, the events themselves, or else all that was held.

        :raises LimitReached: if it is more than was held, and a limit stands against the rest.
        """
        body = {"events": list(events)} if events else {} if quantity is None else {"quantity": str(quantity)}
        return read(Reservation, self._connection.json("POST", f"/reservations/{number}/commit", body=body))

    def release(self, number: int) -> Reservation:
        """:raises Conflict: if it is committed, or its time is over."""
        return read(Reservation, self._connection.json("POST", f"/reservations/{number}/release"))

    @contextmanager
    def hold(self, customer: str, feature: str, quantity: Number = 1, **asked: Any) -> Iterator[ActiveReservation]:
        """Reserve for the length of a block; what the block did not commit is released at its end."""
        held = ActiveReservation(self, self.reserve(customer, feature, quantity, **asked))
        try:
            yield held
        finally:
            if held.reservation.state == "open":
                self._release_quietly(held)

    def _release_quietly(self, held: ActiveReservation) -> None:
        try:
            held.release()
        except TollbookError as error:
            # Its time is over, a commit whose answer was lost has ended it, or nobody answers: it lapses by itself.
            logger.warning("Reservation %s was not released: %s", held.reservation.number, error)
