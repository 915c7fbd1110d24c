"""
The credits that a plan version includes in a period: amount, start and expiry of each grant.

Source: docs/wallets.md#included-credits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Literal, NamedTuple

from plans.pricing.calendar import boundary, period_containing
from plans.pricing.period_anchor import Anchor, Interval
from plans.pricing.proration import ProrationUnit, prorate_allowance, share_of_interval

# Ten years; credits meant to last longer don't expire at all.
MAX_DAYS = 3_650
MAX_ROLLOVERS = 36
"""Maximum number of times that the remainder of a grant may roll over: three years of months."""

MONTH = Interval("month")
_DAY = Interval("day")


@dataclass(frozen=True, slots=True)
class IncludedCreditRule:
    """
    The credits that a version includes.

    amount: of a full period, or of a full month, above zero. days: lifetime of a grant, if it lasts for days.
    rolls_over: how many times the remainder is extended by the same lifetime.
    """

    amount: Decimal
    every: Literal["period", "month", "once"] = "period"
    lasts: Literal["period", "days", "ever"] = "period"
    days: int | None = None
    rolls_over: int = 0
    in_trial: bool = True


@dataclass(frozen=True, slots=True)
class GrantPeriod:
    """
    A period that receives grants.

    [starts_at, ends_at): the period. anchor: of the periods of its version. prorated_by: its proration.
    is_first: whether its subscription starts with it. continues: whether the subscription continues after its end.
    trial_ends_at: end of the trial that the period is a part of; None outside a trial.
    """

    starts_at: datetime
    ends_at: datetime
    anchor: Anchor
    prorated_by: ProrationUnit
    is_first: bool = False
    continues: bool = True
    trial_ends_at: datetime | None = None


class ScheduledGrant(NamedTuple):
    """
    One grant of a period.

    name: the month of the grant, as "2026-02"; empty for the grant of the full period. units: above zero.
    expires_at: None for never. rollover_ends: the expiry after each rollover, in order.
    """

    name: str
    starts_at: datetime
    units: Decimal
    expires_at: datetime | None
    rollover_ends: tuple[datetime, ...]


def compute_grants(rule: IncludedCreditRule, period: GrantPeriod) -> Iterator[ScheduledGrant]:
    """
    Yield the grants that a rule gives a period, in order; a partial interval gets its share.

    Shares are computed as for fees, and the share of the amount is rounded up to as many decimal places as the full
    amount has. A one-time grant is given in full with the first period. A trial gets each amount in full, once, and a
    part of a trial its share.
    """
    if rule.every == "once":
        intervals = [("", period.starts_at, period.ends_at, Fraction(int(period.is_first)))]
    elif period.trial_ends_at is not None:
        intervals = [("", period.starts_at, period.ends_at, _trial_share(period, period.trial_ends_at))]
    else:
        intervals = list(_interval_shares(rule, period))
    if period.trial_ends_at is not None and not rule.in_trial:
        return
    for name, starts_at, ends_at, share in intervals:
        if units := prorate_allowance(rule.amount, share):
            yield ScheduledGrant(name, starts_at, units, *_expiry(rule, period, starts_at, ends_at))


def _trial_share(period: GrantPeriod, trial_ends_at: datetime) -> Fraction:
    full_end = max(trial_ends_at, period.ends_at)
    return share_of_interval(
        period.starts_at,
        period.ends_at,
        full_start=period.starts_at,
        full_end=full_end,
        by="second",
        zone=period.anchor.zone,
    )


def _interval_shares(
    rule: IncludedCreditRule, period: GrantPeriod
) -> Iterator[tuple[str, datetime, datetime, Fraction]]:
    """Yield the intervals of a period with their shares: one interval, or one for each month of the period."""
    anchor = period.anchor
    if rule.every == "month":
        anchor = Anchor(anchor.kind, anchor.at, MONTH, anchor.zone)
    first = _interval_number(anchor, period.starts_at)
    for n in count(first):
        interval_start, interval_end = boundary(anchor, n), boundary(anchor, n + 1)
        if interval_start >= period.ends_at:
            return
        starts_at, ends_at = max(interval_start, period.starts_at), min(interval_end, period.ends_at)
        share = share_of_interval(
            starts_at,
            ends_at,
            full_start=interval_start,
            full_end=interval_end,
            by=period.prorated_by,
            zone=anchor.zone,
        )
        if rule.every == "period":
            # If the customer's zone has changed, a period may extend past the end of the interval it begins in.
            yield "", starts_at, period.ends_at, share
            return
        yield f"{interval_start.astimezone(anchor.zone):%Y-%m}", starts_at, ends_at, share


def _expiry(
    rule: IncludedCreditRule, period: GrantPeriod, starts_at: datetime, ends_at: datetime
) -> tuple[datetime | None, tuple[datetime, ...]]:
    """Return the expiry of a grant, and of each rollover; nothing rolls over when the subscription ends."""
    rollovers = rule.rolls_over if period.continues else 0
    if rule.lasts == "ever":
        return None, ()
    if rule.lasts == "days" and rule.days:
        day_anchor = Anchor("anniversary", starts_at, _DAY, period.anchor.zone)
        return boundary(day_anchor, rule.days), tuple(
            boundary(day_anchor, rule.days * (n + 2)) for n in range(rollovers)
        )
    anchor = period.anchor
    if rule.every == "month" and period.trial_ends_at is None:
        anchor = Anchor(anchor.kind, anchor.at, MONTH, anchor.zone)
    next_number = _interval_number(anchor, ends_at)
    return ends_at, tuple(boundary(anchor, next_number + n + 1) for n in range(rollovers))


def _interval_number(anchor: Anchor, at: datetime) -> int:
    return period_containing(anchor, at, start=min(at, anchor.at)).n
