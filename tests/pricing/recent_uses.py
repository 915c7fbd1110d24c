"""Recent uses as the tables of docs/limits.md write them: “09:02 × 20, 10:00 × 25”."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from plans.pricing.usage_limits import LimitedUses, UsageLimitTerms, UseBucket, bucket_start

DAY = datetime(2026, 1, 15, tzinfo=UTC)

Use = tuple[datetime, Decimal]


def parse_time(text: str) -> datetime:
    """Return a time of day, with or without seconds."""
    return datetime.combine(DAY, time.fromisoformat(text), UTC)


def parse_uses(text: str) -> list[Use]:
    """Return the times and numbers of uses."""
    uses = []
    for part in filter(None, text.split(", ")):
        at, number = part.split(" × ")
        uses.append((parse_time(at), Decimal(number)))
    return uses


def in_buckets(uses: Iterable[Use], terms: UsageLimitTerms) -> LimitedUses:
    """Return the uses in the buckets and windows that a limit reads, as ingest stores them."""
    buckets: dict[tuple[datetime, timedelta], Decimal] = {}
    windows: list[UseBucket] = []
    for at, number in sorted(uses):
        for width in terms.bucket_widths:
            key = bucket_start(at, width), width
            buckets[key] = buckets.get(key, Decimal(0)) + number
        if windows and at < windows[-1].ends_at:
            windows[-1] = windows[-1]._replace(uses=windows[-1].uses + number)
        else:
            windows.append(UseBucket(at, terms.window, number))
    return LimitedUses([UseBucket(*key, number) for key, number in buckets.items()], windows)
