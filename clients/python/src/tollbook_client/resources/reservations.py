"""
Reserve a quantity before using it.

    with client.reservations.hold("acme", "llm.tokens", 5000) as held:
        held.commit(run_the_model())

The committed quantity is stored as usage; a block that ends without a commit, with or without an error, releases all
of the reservation.
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
from tollbook_client.problems import TollbookError
from tollbook_client.resources import Resource
from tollbook_client.resources.usage import Cost

logger = logging.getLogger(__name__)

Number = Decimal | int | str


@dataclass(frozen=True, slots=True)
class Reservation:
    """
    A reserved quantity. state: open, committed, released or lapsed. held: the value that wallets reserve for it.
    """

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
    """A reservation within its block."""

    def __init__(self, reservations: "Reservations", reservation: Reservation) -> None:
        self._reservations, self.reservation = reservations, reservation

    def commit(self, quantity: Number | None = None, *, events: Sequence[Mapping[str, Any]] = ()) -> Reservation:
        """Store the used quantity, and release the rest."""
        self.reservation = self._reservations.commit(self.reservation.number, quantity, events=events)
        return self.reservation

    def release(self) -> Reservation:
        """Release the whole reservation."""
        self.reservation = self._reservations.release(self.reservation.number)
        return self.reservation


class Reservations(Resource):
    """`client.reservations`."""

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
        Reserve a quantity for `ttl` seconds. The same id again returns the same reservation.

        :raises LimitReached: if a limit does not permit it.
        """
        body = {"id": id or uuid4().hex, "customer": customer, "feature": feature, "quantity": str(quantity)}
        options = serialization.without_omitted(ttl=ttl, subscription=subscription, properties=properties)
        return self._call(Reservation, "POST", "/reservations", body={**body, **options})

    def get(self, number: int) -> Reservation:
        """
        Return a reservation.

        :raises NotFound: if it does not exist.
        """
        return self._call(Reservation, "GET", f"/reservations/{number}")

    def commit(
        self, number: int, quantity: Number | None = None, *, events: Sequence[Mapping[str, Any]] = ()
    ) -> Reservation:
        """
        Store the used quantity: `quantity`, the events themselves, or by default the whole reservation.

        :raises LimitReached: if it exceeds the reservation, and a limit does not permit the rest.
        """
        body = {"events": list(events)} if events else {} if quantity is None else {"quantity": str(quantity)}
        return self._call(Reservation, "POST", f"/reservations/{number}/commit", body=body)

    def release(self, number: int) -> Reservation:
        """
        Release a reservation.

        :raises Conflict: if it is committed, or has lapsed.
        """
        return self._call(Reservation, "POST", f"/reservations/{number}/release")

    @contextmanager
    def hold(self, customer: str, feature: str, quantity: Number = 1, **options: Any) -> Iterator[ActiveReservation]:
        """Reserve for the duration of a block, and release the uncommitted rest at its end."""
        active = ActiveReservation(self, self.reserve(customer, feature, quantity, **options))
        try:
            yield active
        finally:
            if active.reservation.state == "open":
                self._release_quietly(active)

    def _release_quietly(self, active: ActiveReservation) -> None:
        try:
            active.release()
        except TollbookError as error:
            # It has lapsed, a commit without a response has ended it, or the server is unreachable: it lapses by
            # itself.
            logger.warning("Reservation %s was not released: %s", active.reservation.number, error)
