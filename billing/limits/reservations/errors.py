"""Reasons why a reservation is refused."""

from decimal import Decimal

from billing.limits.check import CheckAnswer
from billing.models import Reservation
from lib.decimals import ZERO


class LimitReached(Exception):
    """A limit prevents the usage. answer: the limit. quantity: the requested units, if they are not counted yet."""

    def __init__(self, answer: CheckAnswer, *, quantity: Decimal = ZERO) -> None:
        super().__init__(answer.reason)
        self.answer, self.quantity = answer, quantity


class ReservationRefused(Exception):
    """The request isn't possible; the text gives the reason and the remedy. field: the field that is wrong."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class ReservationNotOpen(ReservationRefused):
    """The reservation has ended already."""

    def __init__(self, reservation: Reservation) -> None:
        is_over = reservation.ended_at is None
        state = "over" if is_over else reservation.get_state_display()
        since = reservation.until if is_over else reservation.ended_at
        super().__init__(
            f"“{reservation.reference}” is {state} since {since:%Y-%m-%d %H:%M:%S}; report the usage as an event."
        )


class ReservationConflict(ReservationRefused):
    """The reference belongs to a reservation, or a commit, with other content."""

    def __init__(self, reservation: Reservation) -> None:
        super().__init__(f"“{reservation.reference}” is the ID of a different reservation; use a new ID.", field="id")
