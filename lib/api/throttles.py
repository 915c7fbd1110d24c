"""
How many requests a key may make, and an address that shows none.

Each process counts for itself, in memory: a token bucket per key costs the hot paths no query and no round trip. A
deployment of n processes therefore lets n times the limit through; it is a guard against a client gone wild, and the
reverse proxy remains the place for limits on what callers with a key do from one address.
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

MOST_BUCKETS = 100_000


@dataclass(slots=True)
class Bucket:
    """What is left of one key's quota, and when that was so (seconds of the monotonic clock)."""

    tokens: float
    at: float


class Buckets:
    """
    The quotas of all keys, or addresses, in this process.

    A full bucket is one not yet used, so they cost memory only in use; beyond MOST_BUCKETS, full ones are let go.
    """

    def __init__(self, *, quota: int, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.quota, self.seconds, self.clock = quota, seconds, clock
        self._buckets: dict[Hashable, Bucket] = {}
        self._lock = threading.Lock()

    def take(self, whose: Hashable) -> float:
        """Take one request off a quota and return what is left; if nothing was, return -1."""
        now = self.clock()
        with self._lock:
            if len(self._buckets) >= MOST_BUCKETS and whose not in self._buckets:
                self._let_go(now)
            bucket = self._buckets.setdefault(whose, Bucket(self.quota, now))
            bucket.tokens, bucket.at = self._left(bucket, now), now
            if bucket.tokens < 1:
                return -1
            bucket.tokens -= 1
            return bucket.tokens

    def is_empty(self, whose: Hashable) -> bool:
        """Tell whether nothing is left of a quota, and take nothing."""
        bucket = self._buckets.get(whose)
        return bucket is not None and self._left(bucket, self.clock()) < 1

    def _left(self, bucket: Bucket, now: float) -> float:
        return min(self.quota, bucket.tokens + (now - bucket.at) * self.quota / self.seconds)

    def _let_go(self, now: float) -> None:
        self._buckets = {whose: one for whose, one in self._buckets.items() if self._left(one, now) < self.quota}
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets = {}  # so many at once are an attack from everywhere, which no count of ours would stop


class ApiKeyThrottle(BaseThrottle):
    """The limit TOLLBOOK_API_RATE (`requests/seconds`), told by RateLimit headers on each answer."""

    buckets: Buckets | None = None

    def allow_request(self, request: Request, view: View) -> bool:
        """Tell whether the key has a request left, and leave the headers for the middleware."""
        buckets = self.buckets or self._start()
        left = buckets.take(request.user.key_id) if request.user is not None else buckets.quota
        used = buckets.quota - max(left, 0)
        request._request.rate_limit = {
            "RateLimit-Policy": f'"key";q={buckets.quota};w={buckets.seconds}',
            "RateLimit": f'"key";r={max(int(left), 0)};t={math.ceil(used * buckets.seconds / buckets.quota)}',
        }
        return left >= 0

    def wait(self) -> float:
        """Return in how many seconds the key has a request again."""
        buckets = self.buckets or self._start()
        return buckets.seconds / buckets.quota

    @classmethod
    def _start(cls) -> Buckets:
        quota, seconds = read_rate(settings.TOLLBOOK_API_RATE)
        cls.buckets = Buckets(quota=quota, seconds=seconds)
        return cls.buckets


def read_rate(text: str, *, name: str = "TOLLBOOK_API_RATE") -> tuple[int, int]:
    """
    Return (requests, seconds) of a rate such as 600/60s.

    :raises ValueError: if it is not written so.
    """
    found = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,4})s", text, re.ASCII)
    if not found:
        raise ValueError(f"{name} is “{text}”; write it as requests/seconds, such as 600/60s.")
    return int(found[1]), int(found[2])
