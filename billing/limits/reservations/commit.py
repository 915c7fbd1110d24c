"""Use what was reserved: its events are stored, and it ends, in one transaction."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from billing.limits.reservations.admission import LimitAdmission, record_admitted
from billing.limits.reservations.errors import ReservationConflict, ReservationNotOpen
from billing.limits.reservations.reservation import end_reservation, lock_reservation
from billing.limits.reservations.usage_events import events_for_quantity, parse_events
from billing.metering.ingest.event_recorder import EventBatch
from billing.models import Reservation
from billing.models.reservations import ReservationState
from lib.decimals import ZERO
from lib.failpoints import hit_failpoint
from wallets.ledger import hold


class CommitAdmission(LimitAdmission):
    """
    The admission of what a reservation is used for: it ends before the limits are looked at, so that it does not
    stand in its own way.
    """

    def __init__(self, found: Reservation, at: datetime) -> None:
        frees = [found.hold] if found.hold else []
        super().__init__(found.customer.sandbox, at, frees)
        self.reservation = found

    def begin(self, customers: Collection[str]) -> None:
        super().begin(customers)
        self.reservation.refresh_from_db(fields=["state", "ended_at", "used"])
        require_open(self.reservation, at=self.at)
        end_reservation(self.reservation, ReservationState.COMMITTED, at=self.at)

    def decide(self, batch: EventBatch, repeated: Collection[str]) -> None:
        super().decide(batch, repeated)
        end_reservation(
            self.reservation,
            ReservationState.COMMITTED,
            at=self.at,
            used=self.added_quantities.get(self.reservation.plan_feature_id, ZERO),
        )
        hit_failpoint("reservation.before_commit")


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
        return _require_same_quantity(found, wanted)
    if found.state == ReservationState.COMMITTED:
        return found  # the events carry keys of their own, so nothing counts twice
    stored = events_for_quantity(found, wanted) if events is None else parse_events(found, events, at)
    if not stored:
        return _commit_nothing(reservation_id, at=at)
    try:
        record_admitted(stored, CommitAdmission(found, at))
    except ReservationNotOpen:
        found.refresh_from_db()
        if found.state != ReservationState.COMMITTED:
            raise
        return _require_same_quantity(found, wanted) if events is None else found
    return found


def _require_same_quantity(found: Reservation, quantity: Decimal) -> Reservation:
    if found.used != quantity:
        raise ReservationConflict(found)
    return found


@transaction.atomic
def _commit_nothing(reservation_id: int, *, at: datetime) -> Reservation:
    """Commit nothing: all that was held is given back."""
    found = lock_reservation(reservation_id)
    if found.state != ReservationState.COMMITTED:
        require_open(found, at=at)
        end_reservation(found, ReservationState.COMMITTED, at=at, used=ZERO)
        if found.hold_id is not None:
            hold.release(hold_id=found.hold_id, at=at)
    return _require_same_quantity(found, ZERO)


def require_open(found: Reservation, *, at: datetime) -> None:
    """:raises NotOpen: if a reservation was released or committed, or its time is over."""
    if found.state != ReservationState.OPEN or found.until <= at:
        raise ReservationNotOpen(found)
