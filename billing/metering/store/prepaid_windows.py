"""Usage windows that wallets pay for, with their times of use."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class DrawdownKey(NamedTuple):
    """The usage of one feature in one window of a period."""

    period_id: int
    plan_feature_id: int
    window_start: datetime


UsageTimes = Mapping[DrawdownKey, tuple[datetime, datetime]]
"""New usage: the first and the last time of use of each window."""


def date_at_last_use(used: UsageTimes) -> dict[DrawdownKey, tuple[datetime, datetime]]:
    """Return the usage dated at its last time of use, for usage that can't be drawn down in parts."""
    return {key: (last, last) for key, (_, last) in used.items()}
