"""
Quotas and throttles: how many uses a time window has seen, and when it has room for more.

Uses are counted in buckets of time. A bucket counts until the whole of it has left the window, so a sliding quota is
never exceeded, and room returns at most one bucket late.

Source: docs/limits.md#quotas and docs/limits.md#throttles.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from lib.decimals import EXACT, ZERO

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
BUCKETS_PER_WINDOW = 60

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LimitKind = Literal["quota", "throttle"]
LimitMeasure = Literal["units", "events"]
AfterQuota = Literal["refuse", "slow", "overage"]

_WINDOW_UNITS = {
    "minute": MINUTE,
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}


class UseBucket(NamedTuple):
    """The uses in [starts_at, starts_at + width)."""

    starts_at: datetime
    width: timedelta
    uses: Decimal

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.width


@dataclass(frozen=True, slots=True)
class UsageLimitTerms:
    """
    A quota or throttle of a feature.

    most: uses that the window allows; above zero.
    window: its length, a whole number of minutes.
    is_sliding: whether it is the time before now, or begins with the first use.
    after: how usage continues beyond a quota. slow_to: uses per minute then, if it is slowed.
    """

    kind: LimitKind
    counts: LimitMeasure
    most: Decimal
    window: timedelta = MINUTE
    is_sliding: bool = True
    after: AfterQuota = "refuse"
    slow_to: Decimal | None = None

    @property
    def per_minute(self) -> Decimal | None:
        """The uses per minute to which usage is slowed; None if it is not."""
        return self.most if self.kind == "throttle" else self.slow_to

    @property
    def bucket_widths(self) -> tuple[timedelta, ...]:
        """The widths of the sliding buckets that the limit reads."""
        widths = {self.window / BUCKETS_PER_WINDOW} if self.is_sliding else set()
        if self.per_minute is not None:
            widths.add(SECOND)
        return tuple(sorted(widths))


def window_length(unit: str, count: int) -> timedelta:
    """Return the length of a window; a day has 24 hours, a week 7 days."""
    return _WINDOW_UNITS[unit] * count


def bucket_start(at: datetime, width: timedelta) -> datetime:
    """Return the start of the bucket that contains `at`; buckets are counted from the start of 1970, in UTC."""
    return _EPOCH + (at - _EPOCH) // width * width


def count_recent(buckets: Iterable[UseBucket], *, window: timedelta, at: datetime) -> Decimal:
    """Return the uses of the window that ends at `at`; a bucket counts until all of it has left the window."""
    uses = ZERO
    for bucket in buckets:
        if bucket.starts_at <= at < bucket.ends_at + window:
            uses = EXACT.add(uses, bucket.uses)
    return uses


def busiest_moment(buckets: Sequence[UseBucket], *, window: timedelta, at: datetime) -> datetime:
    """
    Return the end of the window with the most uses among those that a use at `at` counts in.

    Requests of one customer are decided one after the other, but not always in the order of their times: one that
    waited for its turn finds uses later than its own time, which share windows with it.
    """
    later = {bucket.starts_at for bucket in buckets if at < bucket.starts_at < at + window}
    return max([at, *sorted(later)], key=lambda end: count_recent(buckets, window=window, at=end))


def free_from(buckets: Iterable[UseBucket], *, room_at: Decimal, window: timedelta, at: datetime) -> datetime:
    """
    Return the time from which at most `room_at` uses of these buckets are left in the window, if none is added.

    room_at: zero or more.
    """
    counted = sorted(bucket for bucket in buckets if bucket.starts_at <= at < bucket.ends_at + window)
    left = count_recent(counted, window=window, at=at)
    free_at = at
    for bucket in counted:
        if left <= room_at:
            break
        left = EXACT.subtract(left, bucket.uses)
        free_at = bucket.ends_at + window
    return free_at


def has_room(used: Decimal, quantity: Decimal, most: Decimal) -> bool:
    """Return whether `quantity` more uses fit; zero asks whether any does."""
    return EXACT.add(used, quantity) <= most if quantity else used < most


def throttle_wait(
    buckets: Sequence[UseBucket], *, beyond: Decimal | None, quantity: Decimal, per_minute: Decimal, at: datetime
) -> int:
    """
    Return the whole seconds until a throttle lets `quantity` uses through; 0 if it does at once.

    buckets: the uses in seconds, reservations included.
    beyond: uses beyond the start of the throttle; None if all uses in the buckets are. The latest uses are those
        beyond it.
    quantity: zero for any use at all; more than a minute allows waits for an empty minute.
    """
    end = busiest_moment(buckets, window=MINUTE, at=at)
    recent = sorted(bucket for bucket in buckets if bucket.starts_at <= end < bucket.ends_at + MINUTE)
    counted = recent if beyond is None else _last_uses(recent, beyond)
    quantity = min(quantity, per_minute)
    used = count_recent(counted, window=MINUTE, at=end)
    if has_room(used, quantity, per_minute):
        return 0
    # For any use at all, it is enough that one of the counted uses leaves.
    room_at = EXACT.subtract(per_minute, quantity or min(Decimal(1), per_minute))
    return whole_seconds_until(free_from(counted, room_at=room_at, window=MINUTE, at=end), at=at)


def whole_seconds_until(moment: datetime, *, at: datetime) -> int:
    """Return the seconds until a moment, rounded up, at least 1: who waits so long never comes too early."""
    return max(1, -((at - moment) // SECOND))


def _last_uses(ordered: Sequence[UseBucket], uses: Decimal) -> list[UseBucket]:
    """Return the buckets with the last `uses` uses, the first of them reduced to its share."""
    last: list[UseBucket] = []
    for bucket in reversed(ordered):
        if uses <= 0:
            break
        last.append(bucket._replace(uses=min(bucket.uses, uses)))
        uses = EXACT.subtract(uses, bucket.uses)
    return last[::-1]


class LimitedUses(NamedTuple):
    """
    The recent uses of a feature, reservations included.

    buckets: those of sliding windows, of any widths. windows: those that began with a first use.
    """

    buckets: Sequence[UseBucket]
    windows: Sequence[UseBucket]

    def of_width(self, width: timedelta) -> list[UseBucket]:
        """Return the buckets of one width."""
        return [bucket for bucket in self.buckets if bucket.width == width]


class UsesBeyond(NamedTuple):
    """
    Uses beyond the start of a throttle.

    before: those so far; None if all recent ones are. quantity: those of the request; zero for any use at all.
    """

    before: Decimal | None
    quantity: Decimal


class LimitState(NamedTuple):
    """
    A limit at a time.

    used: uses in the window. resets_at: when room returns: the first uses leave a sliding window, or the window ends;
        None without uses.
    is_exceeded: whether the uses so far are more than it allows. refuses: whether it refuses the request.
    retry_after: whole seconds until it lets the request through; 0 at once; None if it neither slows nor refuses.
    """

    terms: UsageLimitTerms
    used: Decimal
    resets_at: datetime | None
    is_exceeded: bool
    refuses: bool
    retry_after: int | None


def throttle_state(
    terms: UsageLimitTerms, uses: LimitedUses, beyond: UsesBeyond | None, *, at: datetime
) -> LimitState:
    """
    Return a throttle at a time. beyond: None if usage, with the request, stays within the allowance.

    Source: docs/limits.md#throttles.
    """
    seconds = uses.of_width(SECOND)
    used = count_recent(seconds, window=MINUTE, at=at)
    if beyond is None:
        return LimitState(terms, ZERO, None, False, False, None)
    if beyond.before is not None:
        used = min(used, beyond.before)
    wait = throttle_wait(seconds, beyond=beyond.before, quantity=beyond.quantity, per_minute=terms.most, at=at)
    resets_at = _room_returns_at(seconds, MINUTE, at) if used else None
    return LimitState(terms, used, resets_at, used > terms.most, False, wait)


def quota_state(terms: UsageLimitTerms, uses: LimitedUses, *, quantity: Decimal, at: datetime) -> LimitState:
    """
    Return a quota at a time, and whether it refuses or slows `quantity` more uses; zero asks for any use at all.

    Source: docs/limits.md#quotas.
    """
    buckets, end, used, resets_at = _window_uses(terms, uses, at=at)
    is_exceeded = used > terms.most
    if has_room(used, quantity, terms.most) or terms.after == "overage":
        return LimitState(terms, used, resets_at, is_exceeded, False, None)
    if terms.per_minute is not None:
        beyond = max(EXACT.subtract(used, terms.most), ZERO)
        over = EXACT.subtract(EXACT.add(used, quantity), terms.most)
        wait = throttle_wait(
            uses.of_width(SECOND), beyond=beyond, quantity=min(quantity, over), per_minute=terms.per_minute, at=at
        )
        return LimitState(terms, used, resets_at, is_exceeded, False, wait)
    wait_until = resets_at
    if terms.is_sliding and quantity <= terms.most:
        # For any use at all, it is enough that one of the counted uses leaves.
        room_at = EXACT.subtract(terms.most, quantity or min(Decimal(1), terms.most))
        wait_until = free_from(buckets, room_at=room_at, window=terms.window, at=end)
    fits_ever = wait_until is not None and quantity <= terms.most
    retry_after = whole_seconds_until(wait_until, at=at) if fits_ever and wait_until is not None else None
    return LimitState(terms, used, resets_at, is_exceeded, True, retry_after)


def _window_uses(
    terms: UsageLimitTerms, uses: LimitedUses, *, at: datetime
) -> tuple[list[UseBucket], datetime, Decimal, datetime | None]:
    """Return the buckets of a quota's window, the end of the window, the uses in it, and when room returns."""
    if terms.is_sliding:
        buckets = uses.of_width(terms.window / BUCKETS_PER_WINDOW)
        end = busiest_moment(buckets, window=terms.window, at=at)
        used = count_recent(buckets, window=terms.window, at=end)
        return buckets, end, used, _room_returns_at(buckets, terms.window, end) if used else None
    running = [
        window for window in uses.windows if window.width == terms.window and window.starts_at <= at < window.ends_at
    ]
    if not running:
        return [], at, ZERO, None
    window = max(running)
    return [window], window.ends_at, window.uses, window.ends_at


def _room_returns_at(buckets: Iterable[UseBucket], window: timedelta, at: datetime) -> datetime:
    """Return when the first uses leave the window that ends at `at`."""
    return min(
        bucket.ends_at + window
        for bucket in buckets
        if bucket.uses and bucket.starts_at <= at < bucket.ends_at + window
    )
