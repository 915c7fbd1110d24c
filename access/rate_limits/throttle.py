"""
Rate limits: the token buckets of API keys, and of addresses without a key.

Each process counts for itself, in memory: a token bucket per key costs the hot paths no query and no round trip. A
deployment of n processes therefore admits n times the limit. The limit protects against a runaway client; limits per
address for callers with a key belong to the reverse proxy.
"""

import math
import re
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from django.conf import settings
from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from lib.api.callers import caller_of

# Bounds the memory of a process when very many keys or addresses appear.
MAX_BUCKETS = 100_000


@dataclass(slots=True)
class Bucket:
    """The remaining quota of one key at a time (seconds of the monotonic clock)."""

    tokens: float
    at: float


class Buckets:
    """
    The quotas of all keys, or addresses, in this process.

    An unused bucket is full, so only used ones need memory; beyond MAX_BUCKETS, full ones are dropped.
    """

    def __init__(self, *, quota: int, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.quota, self.seconds, self.clock = quota, seconds, clock
        self._buckets: dict[Hashable, Bucket] = {}
        self._lock = threading.Lock()

    def take(self, key: Hashable) -> float:
        """Take one request off a quota and return the remaining ones; return -1 if there were none."""
        now = self.clock()
        with self._lock:
            if len(self._buckets) >= MAX_BUCKETS and key not in self._buckets:
                self._drop_full_buckets(now)
            bucket = self._buckets.setdefault(key, Bucket(self.quota, now))
            bucket.tokens, bucket.at = self._tokens_left(bucket, now), now
            if bucket.tokens < 1:
                return -1
            bucket.tokens -= 1
            return bucket.tokens

    def headers(self, policy: str, remaining: float) -> dict[str, str]:
        """Return the RateLimit headers for a quota with so many requests left."""
        used_count = self.quota - max(remaining, 0)
        seconds_until_full = math.ceil(used_count * self.seconds / self.quota)
        return {
            "RateLimit-Policy": f'"{policy}";q={self.quota};w={self.seconds}',
            "RateLimit": f'"{policy}";r={max(int(remaining), 0)};t={seconds_until_full}',
        }

    def is_empty(self, key: Hashable) -> bool:
        """Return whether a quota is used up, without taking a request."""
        bucket = self._buckets.get(key)
        return bucket is not None and self._tokens_left(bucket, self.clock()) < 1

    def _tokens_left(self, bucket: Bucket, now: float) -> float:
        return min(self.quota, bucket.tokens + (now - bucket.at) * self.quota / self.seconds)

    def _drop_full_buckets(self, now: float) -> None:
        self._buckets = {
            key: bucket for key, bucket in self._buckets.items() if self._tokens_left(bucket, now) < self.quota
        }
        if len(self._buckets) >= MAX_BUCKETS:
            self._buckets = {}  # so many at once are a distributed attack, which this limit can't stop


class ApiKeyThrottle(BaseThrottle):
    """The limit TOLLBOOK_API_RATE (`requests/seconds`), reported by RateLimit headers on each response."""

    buckets: Buckets | None = None

    def allow_request(self, request: Request, view: View) -> bool:
        """Return whether the key has a request left, and store the headers for the middleware."""
        buckets = self.buckets or self._start()
        remaining = buckets.take(caller_of(request).key_id) if request.user is not None else buckets.quota
        # The middleware reads the attribute.
        request._request.rate_limit = buckets.headers("key", remaining)  # type: ignore[attr-defined]  # ours
        return remaining >= 0

    def wait(self) -> float:
        """Return the seconds until the key has a request again."""
        buckets = self.buckets or self._start()
        return buckets.seconds / buckets.quota

    @classmethod
    def _start(cls) -> Buckets:
        quota, seconds = read_rate(settings.TOLLBOOK_API_RATE)
        cls.buckets = Buckets(quota=quota, seconds=seconds)
        return cls.buckets


def read_rate(text: str, *, name: str = "TOLLBOOK_API_RATE") -> tuple[int, int]:
    """
    Parse a rate such as 600/60s into (requests, seconds).

    :raises ValueError: if it is not in this format.
    """
    match = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,4})s", text, re.ASCII)
    if not match:
        raise ValueError(f"{name} is “{text}”; write it as requests/seconds, such as 600/60s.")
    return int(match[1]), int(match[2])
