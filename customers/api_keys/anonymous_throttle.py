"""
How many requests an address may make that show no key, or one that opens nothing.

A key cannot be guessed; what is bounded is the work that guessing makes. A key that has opened the door before is
let in whatever else comes from its address, so a service that was forgotten with an old key locks out nobody.
"""

import math
from ipaddress import ip_address

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from lib.api.throttles import Buckets, read_rate

MOST_KNOWN = 10_000

_buckets: Buckets | None = None
_known: dict[str, None] = {}


def admit(request: Request, hashed: str) -> None:
    """:raises Throttled: if the address has no request left, and the key has not been seen to open anything."""
    if hashed not in _known and _all().is_empty(_address(request)):
        _refuse(request)


def count(request: Request, hashed: str = "") -> None:
    """
    Take a request off what the address has left.

    :raises Throttled: if nothing was.
    """
    _known.pop(hashed, None)
    if _all().take(_address(request)) < 0:
        _refuse(request)


def remember(hashed: str) -> None:
    """Let a key in from now on: it opens something."""
    if hashed not in _known:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[hashed] = None


def _refuse(request: Request) -> None:
    buckets = _all()
    request._request.rate_limit = {
        "RateLimit-Policy": f'"address";q={buckets.quota};w={buckets.seconds}',
        "RateLimit": f'"address";r=0;t={buckets.seconds}',
    }
    raise Throttled(
        wait=math.ceil(buckets.seconds / buckets.quota),
        detail="Too many requests without a valid API key came from this address.",
    )


def _all() -> Buckets:
    global _buckets
    if _buckets is None:
        quota, seconds = read_rate(settings.TOLLBOOK_STRANGERS_RATE, name="TOLLBOOK_STRANGERS_RATE")
        _buckets = Buckets(quota=quota, seconds=seconds)
    return _buckets


def _address(request: Request) -> str:
    """Return whom to count: an IPv4 address, or the network that one IPv6 subscriber has."""
    told = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:  # which adds whom it heard from at the end; what is before that, anybody may have sent
        told = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", 1)[-1].strip() or told
    try:
        address = ip_address(told)
    except ValueError:
        return ""
    return told if address.version == 4 else str(int(address) >> 64)
