"""A billing period in the form that rating reads: its interval, the terms it is rated by, and its counters."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Self

import msgspec

from plans.catalog.overrides import SplitValues


class CounterState(NamedTuple):
    """
    A counter's cumulative state: the number of events, the sum of their values, and the sum of their digests.

    carried: sum of the prices that the events carry.
    metered: the meter's quantity where it is not the sum of values; None where it is.
    values: value of each event, where a price charges by them.
    """

    events: int
    quantity: Decimal
    fingerprint: Decimal
    carried: Decimal = Decimal(0)
    metered: Decimal | None = None
    values: tuple[Decimal, ...] | None = None

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Return the counter in a row with the columns `events`, `quantity`, `fingerprint` and `carried`."""
        return cls(row.events, row.quantity, row.fingerprint, row.carried)

    @property
    def used(self) -> Decimal:
        """The quantity that is rated."""
        return self.quantity if self.metered is None else self.metered


EMPTY_COUNTER = CounterState(0, Decimal(0), Decimal(0))


class CounterWindow(NamedTuple):
    """A price's usage window within a period, on which its allowance and tiers start again."""

    plan_feature_id: int
    starts_at: datetime


Counters = Mapping[CounterWindow, Mapping[int, CounterState]]
"""Usage of one period: window → rate → counter."""

NewCounters = dict[CounterWindow, dict[int, CounterState]]
"""The same while it is being counted."""


class WindowRun(NamedTuple):
    """
    The part of a window that a subscription has spent on a version, up to the end of one of its periods.

    began_at: the start of the window, or of the first period on the version in it.
    earlier: rate → quantity of the periods before this one; None if this is the first.
    is_last: whether the window, the time on the version, or the trial ends with this period.
    """

    window_start: datetime
    window_end: datetime
    began_at: datetime
    earlier: Mapping[int | str, Decimal] | None
    is_last: bool


WindowRuns = Mapping[int, WindowRun]
"""Plan feature → its run."""


class RatingPeriod(msgspec.Struct, frozen=True, gc=False):
    """
    A period's interval, and the version, currency and overrides that it is rated by.

    anchor_at, time_zone: usage windows are computed from them.
    overrides: see billing/metering/rating_inputs/effective_terms.py.
    continued: see billing/metering/rating_inputs/plan_change_carryover.py.
    runs: runs of features whose windows span several periods.
    split_values: values of split prices.
    """

    period_id: int
    version_id: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    anchor_at: datetime
    time_zone: str
    overrides: str = ""
    continued: str = ""
    is_trial: bool = False
    runs: WindowRuns = {}
    split_values: SplitValues = ()

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Return the period in a row with the columns that `period_loader` selects for it."""
        return cls(
            row.period_id,
            row.version_id,
            row.currency,
            row.starts_at,
            row.ends_at,
            row.anchor_at,
            row.time_zone,
            row.overrides,
            row.continued,
            row.is_trial,
        )


class BillablePeriod(msgspec.Struct, frozen=True, gc=False):
    """A period with everything that its rating depends on."""

    span: RatingPeriod
    counters: Counters
