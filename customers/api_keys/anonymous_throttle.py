"""
Throttling of requests without an API key, or with an invalid one, by address.

A key cannot be guessed; the throttle bounds the work that guessing causes. A key that was valid before is admitted
even if its address is throttled, so a forgotten service with an old key locks out no other.
"""

import math

from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from access.rate_limits.buckets import rate_limit
from lib.client_address import subscriber_address

# Bounds the memory of a process; emptying the table costs each valid key one check more.
MAX_KNOWN = 10_000

_known: dict[str, None] = {}


def admit(request: Request, hashed: str) -> None:
    """
    Admit a request with a key.

    :raises Throttled: if the address has no requests left and the key has not been valid before.
    """
    if hashed not in _known and rate_limit("address").is_empty(subscriber_address(request)):
        _refuse(request)


def count(request: Request, hashed: str = "") -> None:
    """
    Count a request against its address.

    :raises Throttled: if the address has no requests left.
    """
    _known.pop(hashed, None)
    if rate_limit("address").take(subscriber_address(request)) < 0:
        _refuse(request)


def remember(hashed: str) -> None:
    """Admit a valid key from now on, independent of its address."""
    if hashed not in _known:
        # Bounds the memory; a cleared key is checked against the address until its next use.
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        _known[hashed] = None


def _refuse(request: Request) -> None:
    limit = rate_limit("address")
    # The middleware reads the attribute.
    request._request.rate_limit = limit.headers(0)  # type: ignore[attr-defined]  # ours
    raise Throttled(
        wait=math.ceil(limit.seconds_per_request),
        detail="Too many requests without a valid API key from this address.",
    )
