"""The quotas and throttles of a feature at a time, with reservations counted as uses."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from billing.limits.availability import FeatureAvailability
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FeatureTerms
from plans.pricing.usage_limits import (
    LimitedUses,
    LimitMeasure,
    LimitState,
    UsageLimitTerms,
    UseBucket,
    UsesBeyond,
    bucket_start,
    quota_state,
    throttle_state,
)


class StoredBucket(msgspec.Struct, frozen=True, array_like=True):
    """A bucket of recent uses, as stored."""

    is_window: bool
    seconds: int
    starts_at: datetime
    events: int
    quantity: Decimal


class ReservedUse(msgspec.Struct, frozen=True, array_like=True):
    """An open reservation."""

    at: datetime
    quantity: Decimal


class RecentUses(msgspec.Struct, frozen=True, array_like=True):
    """The recent uses of a feature: counted and reserved."""

    buckets: tuple[StoredBucket, ...] = ()
    reserved: tuple[ReservedUse, ...] = ()


_decode = msgspec.json.Decoder(RecentUses).decode
ONE = Decimal(1)
ZERO_WIDTH = timedelta(0)


def limit_states(availability: FeatureAvailability, quantity: Decimal, *, at: datetime) -> tuple[LimitState, ...]:
    """Return the state of each quota and throttle of a feature for a request of `quantity` units."""
    usage_limits = availability.feature.usage_limits
    if not usage_limits:
        return ()
    recent = _decode(availability.row.recent_uses_json) if availability.row.recent_uses_json else RecentUses()
    return tuple(_limit_state(terms, availability, recent, quantity, at) for terms in usage_limits)


def _limit_state(
    terms: UsageLimitTerms,
    availability: FeatureAvailability,
    recent: RecentUses,
    quantity: Decimal,
    at: datetime,
) -> LimitState:
    reserved = [
        UseBucket(use.at, ZERO_WIDTH, count_uses(use.quantity, terms.counts, availability.feature))
        for use in recent.reserved
    ]
    counted = [bucket for bucket in recent.buckets if not bucket.is_window]
    uses = LimitedUses(
        buckets=[
            *(_use_bucket(bucket, terms) for bucket in counted),
            *(
                use._replace(starts_at=bucket_start(use.starts_at, width), width=width)
                for use in reserved
                for width in terms.bucket_widths
            ),
        ],
        windows=_windows_with_reserved(terms, recent.buckets, reserved),
    )
    if terms.kind == "quota":
        requested = count_uses(quantity, terms.counts, availability.feature)
        return quota_state(terms, uses, quantity=requested, at=at)
    return throttle_state(terms, uses, _uses_beyond(terms, availability, quantity), at=at)


def count_uses(quantity: Decimal, counts: LimitMeasure, feature: FeatureTerms) -> Decimal:
    """Return the uses of a quantity of a feature: its units, or the number of its events."""
    if counts == "units" or _makes_an_event_of_each_unit(feature):
        return quantity
    return ONE if quantity else ZERO


def _makes_an_event_of_each_unit(feature: FeatureTerms) -> bool:
    return feature.metering.aggregation == "count"


def _use_bucket(bucket: StoredBucket, terms: UsageLimitTerms) -> UseBucket:
    uses = bucket.quantity if terms.counts == "units" else Decimal(bucket.events)
    return UseBucket(bucket.starts_at, timedelta(seconds=bucket.seconds), uses)


def _windows_with_reserved(
    terms: UsageLimitTerms, buckets: Sequence[StoredBucket], reserved: Sequence[UseBucket]
) -> list[UseBucket]:
    """Return the windows from first use; a reservation counts in the running one, or opens one of its own."""
    windows = [_use_bucket(bucket, terms) for bucket in buckets if bucket.is_window]
    windows = sorted(window for window in windows if window.width == terms.window)
    for use in sorted(reserved):
        running = [
            index for index, window in enumerate(windows) if window.starts_at <= use.starts_at < window.ends_at
        ]
        if running:
            window = windows[running[-1]]
            windows[running[-1]] = window._replace(uses=EXACT.add(window.uses, use.uses))
        else:
            windows = sorted([*windows, use._replace(width=terms.window)])
    return windows


def _uses_beyond(terms: UsageLimitTerms, availability: FeatureAvailability, quantity: Decimal) -> UsesBeyond | None:
    """Return the uses beyond the allowance, so far and by the request; None if there are none."""
    feature = availability.feature
    used = EXACT.add(availability.used, availability.reserved_quantity)
    before = max(EXACT.subtract(used, feature.included), ZERO)
    after = EXACT.subtract(EXACT.add(used, quantity), feature.included)
    if after < 0 or (quantity and not after):
        return None
    beyond = EXACT.subtract(after, before)
    if terms.counts == "units" or _makes_an_event_of_each_unit(feature):
        return UsesBeyond(before, beyond)
    # Which of the recent events were beyond the allowance is not known, so all of them count.
    return UsesBeyond(None if before else ZERO, ONE)
