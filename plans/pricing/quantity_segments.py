"""
What is charged for how many one holds: seats and add-ons, whose number changes while a period runs.

A period falls into segments, one for each number held in it. What they come to is exact, and rounded once; what was
claimed before is then taken off, so that it does not matter when a change became known.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from plans.pricing.period_anchor import utc
from plans.pricing.proration import By, share


class Change(NamedTuple):
    """From `since` on, `quantity` units are held, whole and zero or more."""

    since: datetime
    quantity: int


class Segment(NamedTuple):
    """A part of a period in which as many units are held throughout. share: of the whole interval, exactly."""

    quantity: int
    start: datetime
    end: datetime
    share: Fraction


def held_at(changes: Sequence[Change], at: datetime, *, otherwise: int) -> int:
    """
    Return how many units are held at a moment; otherwise: how many are before the first change.

    changes: ordered by `since`; of changes at one moment the last one counts.

    Source: docs/pricing.md#held-quantities.
    """
    found = otherwise
    for change in changes:
        if change.since > at:
            break
        found = change.quantity
    return found


def segments(
    changes: Sequence[Change],
    *,
    otherwise: int,
    start: datetime,
    end: datetime,
    full_start: datetime,
    full_end: datetime,
    by: By,
    zone: ZoneInfo,
) -> tuple[Segment, ...]:
    """
    Return the segments of [start, end), which tile it; those without a share of the interval are left out.

    changes, otherwise: as in `held_at`. full_start, full_end, by, zone: as in `proration.share`.

    :raises ValueError: as `proration.share` does.

    Source: docs/pricing.md#held-quantities.
    """
    edges = sorted({utc(start), *(utc(one.since) for one in changes if start < one.since < end)})
    found: list[Segment] = []
    for first, last in zip(edges, [*edges[1:], utc(end)], strict=True):
        quantity = held_at(changes, first, otherwise=otherwise)
        goes_on = bool(found) and found[-1].quantity == quantity
        since = found.pop().start if goes_on else first
        part = share(since, last, full_start=full_start, full_end=full_end, by=by, zone=zone)
        found.append(Segment(quantity, since, last, part))
    return tuple(one for one in found if one.share)


def billable(quantity: int, included: int) -> int:
    """Return how many units are charged of those held."""
    return max(quantity - included, 0)


def held_amount(amount: Decimal, held: Sequence[Segment], *, included: int, by: By) -> Fraction:
    """
    Return what held units come to in a period, unrounded.

    amount: of one unit for a full interval. included: units that cost nothing, at any moment.

    Not prorated (`by` = "none"), any part of a period is the whole of it: the most units held at once are charged.

    Source: docs/pricing.md#held-quantities.
    """
    units = [billable(one.quantity, included) * one.share for one in held]
    if by == "none":
        return Fraction(amount) * max(units, default=Fraction(0))
    return Fraction(amount) * sum(units, Fraction(0))


def taken(
    changes: Sequence[Change], *, otherwise: int, start: datetime, end: datetime, included: int, is_first: bool
) -> int:
    """
    Return how many charged units more are held at the end of [start, end) than before it, zero at least.

    otherwise: as in `held_at`. is_first: whether the subscription begins with `start`, so that none are held before.

    One-time fees are due for that: an add-on taken and given back within a period is not charged.

    Source: docs/pricing.md#held-quantities.
    """
    before = held_at([one for one in changes if one.since < start], start, otherwise=otherwise)
    after = held_at([one for one in changes if one.since < end], end, otherwise=otherwise)
    charged_before = 0 if is_first else billable(before, included)
    return max(billable(after, included) - charged_before, 0)
