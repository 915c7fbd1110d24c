"""Commit a reservation: its events are stored and it ends, in one transaction."""

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
    The admission of a reservation's usage. The reservation ends before the limits are compared, so that it doesn't
    count against its own usage.
    """

    def __init__(self, reservation: Reservation, at: datetime) -> None:
        frees = [reservation.hold] if reservation.hold else []
        super().__init__(reservation.customer.sandbox, at, frees)
        self.reservation = reservation

    def begin(self, customers: Collection[str]) -> None:
        super().begin(customers)
        # Read again under the customer's lock: another commit may have ended it.
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
    Store the actual usage of a reservation, and release the rest; repeating a commit gives the same answer.

    quantity: units, zero or more; default: as many as reserved.
    events: JSON of the caller's own events, from which the feature's meter computes the quantity.

    More than the reserved quantity is admitted within the limits.

    :raises LimitReached: if a limit is exceeded; the reservation stays open.
    :raises ReservationNotOpen: if it was released, or has expired.
    :raises ReservationConflict: if it was committed with another quantity.
    :raises ReservationRefused: if the events are not valid.
    """
    reservation = Reservation.objects.select_related("plan_feature__feature__meter", "customer", "hold").get(
        pk=reservation_id
    )
    requested = reservation.quantity if quantity is None else quantity
    if reservation.state == ReservationState.COMMITTED and events is None:
        return _require_same_quantity(reservation, requested)
    if reservation.state == ReservationState.COMMITTED:
        return reservation  # the events have keys of their own, so none counts twice
    events_to_store = (
        events_for_quantity(reservation, requested) if events is None else parse_events(reservation, events, at)
    )
    if not events_to_store:
        return _commit_nothing(reservation_id, at=at)
    try:
        record_admitted(events_to_store, CommitAdmission(reservation, at))
    except ReservationNotOpen:
        # A concurrent commit may have ended the reservation in between.
        reservation.refresh_from_db()
        if reservation.state != ReservationState.COMMITTED:
            raise
        return _require_same_quantity(reservation, requested) if events is None else reservation
    return reservation


def _require_same_quantity(reservation: Reservation, quantity: Decimal) -> Reservation:
    if reservation.used != quantity:
        raise ReservationConflict(reservation)
    return reservation


@transaction.atomic
def _commit_nothing(reservation_id: int, *, at: datetime) -> Reservation:
    """Commit a quantity of zero: the whole reservation is released."""
    reservation = lock_reservation(reservation_id)
    if reservation.state != ReservationState.COMMITTED:
        require_open(reservation, at=at)
        end_reservation(reservation, ReservationState.COMMITTED, at=at, used=ZERO)
        if reservation.hold_id is not None:
            hold.release(hold_id=reservation.hold_id, at=at)
    return _require_same_quantity(reservation, ZERO)


def require_open(reservation: Reservation, *, at: datetime) -> None:
    """
    Check that a reservation is open.

    :raises ReservationNotOpen: if a reservation was released or committed, or has expired.
    """
    if reservation.state != ReservationState.OPEN or reservation.until <= at:
        raise ReservationNotOpen(reservation)
