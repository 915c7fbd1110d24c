"""
Token buckets in the database, leased to processes by the tenth.

A process takes requests off its lease in memory, so a hot path costs one query for each tenth of the quota. Together,
n processes admit at most the quota and n leases.
"""

import math
import re
import threading
import time
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from lib import sql

LEASE_SHARE = 10
"""A lease is this part of the quota, and at least one request."""

# Bounds the memory of a process when very many callers appear.
MAX_LEASES = 100_000

# The database's clock decides, since the processes' clocks may differ. A bucket is created full. Two processes that
# lease at once wait for each other for this statement only.
_LEASE = """
INSERT INTO access_ratelimitbucket AS bucket (name, caller, tokens, granted, at)
VALUES (%(name)s, %(caller)s, %(quota)s - %(lease)s, %(lease)s, clock_timestamp())
ON CONFLICT (name, caller) DO UPDATE SET (tokens, granted, at) = (
    SELECT refilled.tokens - least(%(lease)s, floor(refilled.tokens)), least(%(lease)s, floor(refilled.tokens)),
        greatest(bucket.at, clock_timestamp())
    FROM (SELECT least(
        %(quota)s,
        bucket.tokens
        + greatest(extract(epoch FROM clock_timestamp() - bucket.at), 0) * %(quota)s::numeric / %(seconds)s
    ) AS tokens) refilled
)
RETURNING granted, tokens
"""


@dataclass(slots=True)
class BucketLease:
    """
    A process's share of a caller's bucket.

    tokens: requests that it may still admit. remaining: of the bucket, when the lease was taken. empty_until: time of
        the monotonic clock before which the bucket has no request either.
    """

    tokens: int = 0
    remaining: float = 0
    empty_until: float = 0


class RateLimit:
    """
    A limit of `quota` requests per `seconds` for each caller, known by its name.

    After a pause, a caller may send the whole quota at once.
    """

    def __init__(self, name: str, *, quota: int, seconds: int) -> None:
        self.name, self.quota, self.seconds = name, quota, seconds
        self.lease_size = max(quota // LEASE_SHARE, 1)
        self._leases: dict[str, BucketLease] = {}
        self._lock = threading.Lock()

    @property
    def seconds_per_request(self) -> float:
        return self.seconds / self.quota

    def take(self, caller: str) -> float:
        """Take one request off a caller's quota and return about how many remain; return -1 if there was none."""
        with self._lock:
            lease = self._leases.get(caller) or self._add(caller)
            if lease.tokens:
                return self._use(lease)
            if time.monotonic() < lease.empty_until:
                return -1
        granted, remaining = self._lease(caller)
        with self._lock:
            lease.tokens, lease.remaining = lease.tokens + granted, remaining
            if lease.tokens:
                return self._use(lease)
            lease.empty_until = time.monotonic() + (1 - remaining) * self.seconds_per_request
        return -1

    def is_empty(self, caller: str) -> bool:
        """Return whether this process has found a caller's quota used up, without taking a request."""
        lease = self._leases.get(caller)
        return lease is not None and not lease.tokens and time.monotonic() < lease.empty_until

    def headers(self, remaining: float) -> dict[str, str]:
        """Return the RateLimit headers for a quota with so many requests left."""
        seconds_until_full = math.ceil((self.quota - max(remaining, 0)) * self.seconds_per_request)
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w={self.seconds}',
            "RateLimit": f'"{self.name}";r={max(int(remaining), 0)};t={seconds_until_full}',
        }

    def refusal_headers(self) -> dict[str, str]:
        """Return the headers of a response with status 429."""
        return self.headers(0) | {"Retry-After": str(math.ceil(self.seconds_per_request))}

    def _use(self, lease: BucketLease) -> float:
        lease.tokens -= 1
        return lease.tokens + lease.remaining

    def _add(self, caller: str) -> BucketLease:
        if len(self._leases) >= MAX_LEASES:
            self._leases = {}  # so many at once are a distributed attack; forgotten leases are lost to their callers
        return self._leases.setdefault(caller, BucketLease())

    def _lease(self, caller: str) -> tuple[int, float]:
        parameters = {
            "name": self.name,
            "caller": caller,
            "quota": self.quota,
            "seconds": self.seconds,
            "lease": self.lease_size,
        }
        ((granted, remaining),) = sql.fetch_rows(_LEASE, parameters)
        return granted, float(remaining)


@cache
def rate_limit(name: str) -> RateLimit:
    """
    Return the process's limit of a name in `settings.RATE_LIMITS`, such as "600/60s": 600 requests per 60 seconds.

    :raises ImproperlyConfigured: if the setting is not in this format.
    """
    text = settings.RATE_LIMITS[name]
    match = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,4})s", text, re.ASCII)
    if not match:
        raise ImproperlyConfigured(f"The limit “{name}” is “{text}”; write it as requests/seconds, such as 600/60s.")
    return RateLimit(name, quota=int(match[1]), seconds=int(match[2]))


def clear_limits() -> None:
    """Forget this process's leases."""
    rate_limit.cache_clear()
