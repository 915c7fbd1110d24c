"""The limit of requests with an API key, as Django REST framework asks for it."""

from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from access.rate_limits.buckets import rate_limit
from lib.api.callers import caller_of


class ApiKeyThrottle(BaseThrottle):
    """Refuses requests beyond a key's quota; RateLimit headers on each response report the quota."""

    def allow_request(self, request: Request, view: View) -> bool:
        """Return whether the key has a request left, and store the headers for the middleware."""
        limit = rate_limit("key")
        remaining = limit.take(str(caller_of(request).key_id)) if request.user is not None else limit.quota
        # The middleware reads the attribute.
        request._request.rate_limit = limit.headers(remaining)  # type: ignore[attr-defined]  # ours
        return remaining >= 0

    def wait(self) -> float:
        """Return the seconds until the key has a request again."""
        return rate_limit("key").seconds_per_request
