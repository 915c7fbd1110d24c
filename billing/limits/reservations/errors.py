"""Why a reservation is refused."""

from billing.limits.check import CheckAnswer
from billing.models import Reservation


class LimitReached(Exception):
    """A limit stands against the use. answer: which one, and what would help."""

    def __init__(self, answer: CheckAnswer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


class ReservationRefused(Exception):
    """What is asked of a reservation cannot be done; the text says why and what to do. field: what it is about."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class ReservationNotOpen(ReservationRefused):
    """It has ended already."""

    def __init__(self, found: Reservation) -> None:
        is_over = found.ended_at is None
        told = "over" if is_over else found.get_state_display()
        since = found.until if is_over else found.ended_at
        super().__init__(
            f"“{found.reference}” is {told} since {since:%Y-%m-%d %H:%M:%S}: report what was used as an event."
        )


class ReservationConflict(ReservationRefused):
    """The name is taken by a reservation, or a commit, of something else."""

    def __init__(self, found: Reservation) -> None:
        super().__init__(f"“{found.reference}” names something else already: use a new id.", field="id")
