"""
How many requests a key may make.

Each process counts for itself, in memory: a token bucket per key costs the hot paths no query and no round trip. A
deployment of n processes therefore lets n times the limit through; it is a guard against a client gone wild, and the
reverse proxy remains the place for limits per address.
"""

import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle


@dataclass(slots=True)
class Bucket:
    """What is left of one key's quota, and when that was so (seconds of the monotonic clock)."""

    tokens: float
    at: float


class Buckets:
    """The quotas of all keys in this process. A full bucket is one not yet used, so keys cost memory only in use."""

    def __init__(self, *, quota: int, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.quota, self.seconds, self.clock = quota, seconds, clock
        self._buckets: dict[int, Bucket] = {}
        self._lock = threading.Lock()

    def take(self, key_id: int) -> float:
        """Take one request off the key's quota and return what is left; if nothing was, return -1."""
        now = self.clock()
        with self._lock:
            bucket = self._buckets.setdefault(key_id, Bucket(self.quota, now))
            refill = (now - bucket.at) * self.quota / self.seconds
            bucket.tokens, bucket.at = min(self.quota, bucket.tokens + refill), now
            if bucket.tokens < 1:
                return -1
            bucket.tokens -= 1
            return bucket.tokens


class PerKey(BaseThrottle):
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


def read_rate(text: str) -> tuple[int, int]:
    """
    Return (requests, seconds) of a rate such as 600/60s.

    :raises ValueError: if it is not written so.
    """
    found = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,4})s", text, re.ASCII)
    if not found:
        raise ValueError(f"TOLLBOOK_API_RATE is “{text}”; write it as requests/seconds, such as 600/60s.")
    return int(found[1]), int(found[2])
