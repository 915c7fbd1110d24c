"""
The time at which a wallet is used up, if usage continues at its pace and nothing is added.

Source: docs/wallets.md#runway.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from lib.decimals import HALF_UP

LONGEST = timedelta(days=365)
"""Beyond it, the pace of a week says nothing."""

SECONDS_PER_DAY = Decimal(86_400)


class LotLeft(NamedTuple):
    """The rest of a lot: units above zero, and its expiry; None: it does not expire."""

    units: Decimal
    expires_at: datetime | None


def runs_out_at(lots: Iterable[LotLeft], *, per_day: Decimal, at: datetime) -> datetime | None:
    """
    Return when the lots are used up or have expired, at `per_day` units a day from `at`.

    Lots are used in the order of their expiry, as the ledger does unless priorities differ. None if there is nothing
    left, if nothing is used, or if it takes more than a year.
    """
    if per_day <= 0:
        return None
    end = at
    for lot in sorted(lots, key=lambda lot: (lot.expires_at is None, lot.expires_at or at)):
        seconds = HALF_UP.divide(HALF_UP.multiply(lot.units, SECONDS_PER_DAY), per_day)
        if seconds >= LONGEST.total_seconds():
            used_up = at + LONGEST + LONGEST
        else:
            used_up = end + timedelta(seconds=int(seconds))
        # What is left at its expiry is lost, and usage goes on with the next lot.
        end = used_up if lot.expires_at is None else max(end, min(used_up, lot.expires_at))
        if end > at + LONGEST:
            return None
    return end if end > at else None
