"""Use what was reserved: its events are stored, and it ends, in one transaction."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from billing.limits.reservations.admission import Admission, let_in
from billing.limits.reservations.errors import NotOpen, OtherContent
from billing.limits.reservations.reservation import end, locked
from billing.limits.reservations.usage_events import events_at, told
from billing.metering.ingest.event_recorder import Batch
from billing.models import Reservation
from billing.models.reservations import ReservationState
from lib.decimals import ZERO
from lib.failpoints import reached
from wallets.ledger import hold


class Commit(Admission):
    """
    The admission of what a reservation is used for: it ends before the limits are looked at, so that it does not
    stand in its own way.
    """

    def __init__(self, found: Reservation, at: datetime) -> None:
        frees = [found.hold] if found.hold else []
        super().__init__(found.customer.sandbox, at, frees)
        self.found = found

    def begin(self, customers: Collection[str]) -> None:
        super().begin(customers)
        self.found.refresh_from_db(fields=["state", "ended_at", "used"])
        refuse_ended(self.found, at=self.at)
        end(self.found, ReservationState.COMMITTED, at=self.at)

    def decide(self, batch: Batch, repeated: Collection[str]) -> None:
        super().decide(batch, repeated)
        end(
            self.found,
            ReservationState.COMMITTED,
            at=self.at,
            used=self.counted.get(self.found.plan_feature_id, ZERO),
        )
        reached("reservation.before_commit")


def commit(
    *, reservation_id: int, at: datetime, quantity: Decimal | None = None, events: bytes | None = None
) -> Reservation:
    """
    Store what was really used of a reservation, and give the rest back; the same again answers as it did before.

    quantity: units, zero or more, as many as reserved if neither is given. events: JSON of the caller's own, of which
    the feature's meter makes the quantity. More than was reserved is let in as far as the limits go.

    :raises LimitReached: if they do not go so far; the reservation stays.
    :raises NotOpen: if it was released, or its time is over.
    :raises OtherContent: if it was committed with another quantity.
    :raises ReservationRefused: if the events are none.
    """
    found = Reservation.objects.select_related("plan_feature__feature__meter", "customer", "hold").get(
        pk=reservation_id
    )
    wanted = found.quantity if quantity is None else quantity
    if found.state == ReservationState.COMMITTED and events is None:
        return _as_before(found, wanted)
    if found.state == ReservationState.COMMITTED:
        return found  # the events carry keys of their own, so nothing counts twice
    stored = told(found, wanted) if events is None else events_at(found, events, at)
    if not stored:
        return _unused(reservation_id, at=at)
    try:
        let_in(stored, Commit(found, at))
    except NotOpen:
        found.refresh_from_db()
        if found.state != ReservationState.COMMITTED:
            raise
        return _as_before(found, wanted) if events is None else found
    return found


def _as_before(found: Reservation, quantity: Decimal) -> Reservation:
    if found.used != quantity:
        raise OtherContent(found)
    return found


@transaction.atomic
def _unused(reservation_id: int, *, at: datetime) -> Reservation:
    """Commit nothing: all that was held is given back."""
    found = locked(reservation_id)
    if found.state != ReservationState.COMMITTED:
        refuse_ended(found, at=at)
        end(found, ReservationState.COMMITTED, at=at, used=ZERO)
        if found.hold_id is not None:
            hold.release(hold_id=found.hold_id, at=at)
    return _as_before(found, ZERO)


def refuse_ended(found: Reservation, *, at: datetime) -> None:
    """:raises NotOpen: if a reservation was released or committed, or its time is over."""
    if found.state != ReservationState.OPEN or found.until <= at:
        raise NotOpen(found)
