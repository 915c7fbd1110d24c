"""
Throttling of requests without an API key, or with an invalid one, by address.

A key cannot be guessed; the throttle bounds the work that guessing causes. A key that was valid before is admitted
even if its address is throttled, so a forgotten service with an old key locks out no other.
"""

import math
from ipaddress import ip_address

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from lib.api.throttles import Buckets, read_rate

# Bounds the memory of a process; emptying the table costs each valid key one check more.
MAX_KNOWN = 10_000

_buckets: Buckets | None = None
_known: dict[str, None] = {}


def admit(request: Request, hashed: str) -> None:
    """
    Admit a request with a key.

    :raises Throttled: if the address has no requests left and the key has not been valid before.
    """
    if hashed not in _known and _get_buckets().is_empty(_address(request)):
        _refuse(request)


def count(request: Request, hashed: str = "") -> None:
    """
    Count a request against its address.

    :raises Throttled: if the address has no requests left.
    """
    _known.pop(hashed, None)
    if _get_buckets().take(_address(request)) < 0:
        _refuse(request)


def remember(hashed: str) -> None:
    """Admit a valid key from now on, independent of its address."""
    if hashed not in _known:
        # Bounds the memory; a cleared key is checked against the address until its next use.
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        _known[hashed] = None


def _refuse(request: Request) -> None:
    buckets = _get_buckets()
    # The middleware reads the attribute.
    request._request.rate_limit = buckets.headers("address", 0)  # type: ignore[attr-defined]  # ours
    raise Throttled(
        wait=math.ceil(buckets.seconds / buckets.quota),
        detail="Too many requests without a valid API key from this address.",
    )


def _get_buckets() -> Buckets:
    global _buckets
    if _buckets is None:
        quota, seconds = read_rate(settings.TOLLBOOK_ANONYMOUS_RATE, name="TOLLBOOK_ANONYMOUS_RATE")
        _buckets = Buckets(quota=quota, seconds=seconds)
    return _buckets


def _address(request: Request) -> str:
    """Return the address to count: an IPv4 address, or the /64 network of an IPv6 subscriber."""
    address_text = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:  # the proxy appends the address; earlier entries may be forged
        address_text = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", 1)[-1].strip() or address_text
    try:
        address = ip_address(address_text)
    except ValueError:
        return ""
    return address_text if address.version == 4 else str(int(address) >> 64)
