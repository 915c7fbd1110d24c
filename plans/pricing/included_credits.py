"""
What a period is granted of the credits that its version includes: how much, when, and until when.

Source: docs/wallets.md#included-credits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Literal, NamedTuple

from plans.pricing.calendar import edge, period_containing
from plans.pricing.period_anchor import Anchor, Interval
from plans.pricing.proration import By, included_in_part, share

MOST_DAYS = 3_650
MOST_ROLLS = 36
"""How often what is left of a grant may go on: three years of months."""

MONTH = Interval("month")
_DAY = Interval("day")


@dataclass(frozen=True, slots=True)
class Rule:
    """
    What a version includes.

    amount: of a whole period, or of a whole month, above zero. days: how long it lasts, where it lasts for days.
    rolls_over: how often what is left goes on for as long again.
    """

    amount: Decimal
    every: Literal["period", "month", "once"] = "period"
    lasts: Literal["period", "days", "ever"] = "period"
    days: int | None = None
    rolls_over: int = 0
    in_trial: bool = True


@dataclass(frozen=True, slots=True)
class Granted:
    """
    A period that is granted something.

    [starts_at, ends_at): when it is. anchor: what periods of its version are counted from. by: how it is prorated.
    is_first: whether its subscription starts with it. goes_on: whether the subscription goes on when it ends.
    trial_ends_at: when the trial ends that it is a part of; None if it is not.
    """

    starts_at: datetime
    ends_at: datetime
    anchor: Anchor
    by: By
    is_first: bool = False
    goes_on: bool = True
    trial_ends_at: datetime | None = None


class Slot(NamedTuple):
    """
    One grant of a period.

    name: of the month that it is for, as "2026-02"; empty for the period's own. units: above zero.
    expires_at: None for never. rolls_until: when what rolls over expires in its turn, each time that it does.
    """

    name: str
    starts_at: datetime
    units: Decimal
    expires_at: datetime | None
    rolls_until: tuple[datetime, ...]


def slots(rule: Rule, period: Granted) -> Iterator[Slot]:
    """
    Yield what a period is granted by a rule, in order; each part of an interval its share of it.

    A share is the fees' own, of what is included rounded up to as many places as the whole has. What comes once comes
    whole, with the first period; a trial is granted each amount whole, once, and a part of one in proportion.
    """
    if rule.every == "once":
        parts = [("", period.starts_at, period.ends_at, Fraction(int(period.is_first)))]
    elif period.trial_ends_at is not None:
        parts = [("", period.starts_at, period.ends_at, _of_trial(period, period.trial_ends_at))]
    else:
        parts = list(_parts(rule, period))
    if period.trial_ends_at is not None and not rule.in_trial:
        return
    for name, starts_at, ends_at, part in parts:
        if units := included_in_part(rule.amount, part):
            yield Slot(name, starts_at, units, *_until(rule, period, starts_at, ends_at))


def _of_trial(period: Granted, trial_ends_at: datetime) -> Fraction:
    whole = max(trial_ends_at, period.ends_at)
    return share(
        period.starts_at,
        period.ends_at,
        full_start=period.starts_at,
        full_end=whole,
        by="second",
        zone=period.anchor.zone,
    )


def _parts(rule: Rule, period: Granted) -> Iterator[tuple[str, datetime, datetime, Fraction]]:
    """Yield the intervals that a period lies in: one, or one for each month of it."""
    anchor = period.anchor
    if rule.every == "month":
        anchor = Anchor(anchor.kind, anchor.at, MONTH, anchor.zone)
    first = _number(anchor, period.starts_at)
    for n in count(first):
        begins, ends = edge(anchor, n), edge(anchor, n + 1)
        if begins >= period.ends_at:
            return
        starts_at, ends_at = max(begins, period.starts_at), min(ends, period.ends_at)
        part = share(starts_at, ends_at, full_start=begins, full_end=ends, by=period.by, zone=anchor.zone)
        if rule.every == "period":
            # Where the customer's zone has changed, a period may reach over the edge of the interval it begins in.
            yield "", starts_at, period.ends_at, part
            return
        yield f"{begins.astimezone(anchor.zone):%Y-%m}", starts_at, ends_at, part


def _until(
    rule: Rule, period: Granted, starts_at: datetime, ends_at: datetime
) -> tuple[datetime | None, tuple[datetime, ...]]:
    """Return when a grant expires, and what rolls over of it; nothing does when the subscription is over."""
    rolls = rule.rolls_over if period.goes_on else 0
    if rule.lasts == "ever":
        return None, ()
    if rule.lasts == "days" and rule.days:
        daily = Anchor("anniversary", starts_at, _DAY, period.anchor.zone)
        return edge(daily, rule.days), tuple(edge(daily, rule.days * (n + 2)) for n in range(rolls))
    anchor = period.anchor
    if rule.every == "month" and period.trial_ends_at is None:
        anchor = Anchor(anchor.kind, anchor.at, MONTH, anchor.zone)
    following = _number(anchor, ends_at)
    return ends_at, tuple(edge(anchor, following + n + 1) for n in range(rolls))


def _number(anchor: Anchor, at: datetime) -> int:
    return period_containing(anchor, at, start=min(at, anchor.at)).n
