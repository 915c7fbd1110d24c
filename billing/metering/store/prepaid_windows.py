"""Which use wallets pay for, and when it was."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class DrawdownKey(NamedTuple):
    """The use of one feature in one window of a period."""

    period_id: int
    plan_feature_id: int
    window_start: datetime


UsageTimes = Mapping[DrawdownKey, tuple[datetime, datetime]]
"""What was used now, and when: the first and the last time of use."""


def date_at_last_use(used: UsageTimes) -> dict[DrawdownKey, tuple[datetime, datetime]]:
    """Return use as if all of it had been at its last time, for what cannot be drawn part by part."""
    return {key: (last, last) for key, (_, last) in used.items()}
