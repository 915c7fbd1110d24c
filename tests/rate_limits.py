"""Time for rate limits: the database's clock fills their buckets, and tests can't wait for it."""

from datetime import timedelta

from django.db.models import F

from access.models import RateLimitBucket
from access.rate_limits.buckets import rate_limit


def let_time_pass(seconds: float) -> None:
    """Fill all buckets as if so many seconds had passed, and let this process ask for new leases."""
    RateLimitBucket.objects.update(at=F("at") - timedelta(seconds=seconds))
    rate_limit.cache_clear()
