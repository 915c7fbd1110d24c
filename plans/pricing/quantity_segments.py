"""
Charges for quantities, such as seats and add-ons, that change during a period.

A period is split into segments, one for each quantity. Their amount is exact and rounded once; the caller then
subtracts the amount billed before, so the time at which a change became known does not matter.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from plans.pricing.period_anchor import to_utc
from plans.pricing.proration import ProrationUnit, share_of_interval


class QuantityChange(NamedTuple):
    """From `since` on, the subscription has `quantity` units: a whole number, zero or more."""

    since: datetime
    quantity: int


class Segment(NamedTuple):
    """A part of a period with one quantity throughout. share: of the full interval, exactly."""

    quantity: int
    start: datetime
    end: datetime
    share: Fraction


def quantity_at(changes: Sequence[QuantityChange], at: datetime, *, default: int) -> int:
    """
    Return the quantity at a time; default: the quantity before the first change.

    changes: ordered by `since`; of changes at the same time the last one counts.

    Source: docs/pricing.md#seats-and-add-ons.
    """
    quantity = default
    for change in changes:
        if change.since > at:
            break
        quantity = change.quantity
    return quantity


def split_by_quantity(
    changes: Sequence[QuantityChange],
    *,
    default: int,
    start: datetime,
    end: datetime,
    full_start: datetime,
    full_end: datetime,
    by: ProrationUnit,
    zone: ZoneInfo,
) -> tuple[Segment, ...]:
    """
    Return the segments of [start, end), which tile it; segments without a share of the interval are omitted.

    changes, default: as in `quantity_at`. full_start, full_end, by, zone: as in `proration.share_of_interval`.

    :raises ValueError: as `proration.share_of_interval` does.

    Source: docs/pricing.md#seats-and-add-ons.
    """
    change_times = (to_utc(change.since) for change in changes if start < change.since < end)
    boundaries = sorted({to_utc(start), *change_times})
    segments: list[Segment] = []
    for segment_start, segment_end in zip(boundaries, [*boundaries[1:], to_utc(end)], strict=True):
        quantity = quantity_at(changes, segment_start, default=default)
        is_unchanged = bool(segments) and segments[-1].quantity == quantity
        since = segments.pop().start if is_unchanged else segment_start
        segment_share = share_of_interval(
            since, segment_end, full_start=full_start, full_end=full_end, by=by, zone=zone
        )
        segments.append(Segment(quantity, since, segment_end, segment_share))
    return tuple(segment for segment in segments if segment.share)


def billable_units(quantity: int, included: int) -> int:
    """Return the number of units that are charged."""
    return max(quantity - included, 0)


def price_segments(
    unit_amount: Decimal, segments: Sequence[Segment], *, included: int, by: ProrationUnit
) -> Fraction:
    """
    Return the amount of a period's segments, unrounded.

    unit_amount: of one unit for a full interval. included: units that are free at any time.

    Without proration (`by` = "none"), any part of a period counts as the full one: the highest quantity is charged.

    Source: docs/pricing.md#seats-and-add-ons.
    """
    unit_shares = [billable_units(segment.quantity, included) * segment.share for segment in segments]
    if by == "none":
        return Fraction(unit_amount) * max(unit_shares, default=Fraction(0))
    return Fraction(unit_amount) * sum(unit_shares, Fraction(0))


def count_added_units(
    changes: Sequence[QuantityChange], *, default: int, start: datetime, end: datetime, included: int, is_first: bool
) -> int:
    """
    Return by how many charged units the quantity grew from before [start, end) to its end; zero or more.

    default: as in `quantity_at`. is_first: whether the subscription begins at `start`, so that its quantity before
    was zero.

    One-time fees are due for these units: an add-on added and removed within a period is not charged.

    Source: docs/pricing.md#seats-and-add-ons.
    """
    quantity_before = quantity_at([change for change in changes if change.since < start], start, default=default)
    quantity_after = quantity_at([change for change in changes if change.since < end], end, default=default)
    charged_before = 0 if is_first else billable_units(quantity_before, included)
    return max(billable_units(quantity_after, included) - charged_before, 0)
