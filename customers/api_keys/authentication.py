"""Authentication by API key: one query per request, by the digest of the key."""

import re
from datetime import datetime, timedelta

import pghistory
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from customers.api_keys import anonymous_throttle
from customers.api_keys.keys import digest
from customers.models import ApiKey
from lib.api.callers import ApiCaller

USE_IS_NOTED_EVERY = timedelta(minutes=1)

_SHAPE = re.compile(r"tb_(live|test)_[0-9a-z]{8}_[0-9A-Za-z]{43}", re.ASCII)
_WHERE_FROM = "Send “Authorization: Bearer tb_live_…” with a valid key; the admin lists them."

# Written as SQL: compiling it through the ORM would take twice as long as PostgreSQL takes to answer, on every
# request.
_FIND = """
    SELECT id, prefix, scopes, sandbox, expires_at, revoked_at, last_used_at
    FROM customers_apikey WHERE secret_sha256 = %s
"""


class ApiKeyAuthentication(BaseAuthentication):
    """Authentication by `Authorization: Bearer` with an API key."""

    def authenticate(self, request: Request) -> tuple[ApiCaller, None] | None:
        """
        Return the caller, or None if no key was sent.

        :raises AuthenticationFailed: if the header holds no key, or one that is unknown, expired or revoked.
        :raises Throttled: if too many such requests came from the address.
        """
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            anonymous_throttle.count(request)
            return None
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer" or not _SHAPE.fullmatch(secret):
            anonymous_throttle.count(request)
            raise AuthenticationFailed(f"This is not an API key. {_WHERE_FROM}")
        hashed = digest(secret)
        anonymous_throttle.admit(request, hashed)
        try:
            caller = _caller(hashed, at=timezone.now())
        except AuthenticationFailed:
            anonymous_throttle.count(request, hashed)
            raise
        anonymous_throttle.remember(hashed)
        if request.method not in SAFE_METHODS:
            pghistory.context(api_key=caller.prefix)
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge that accompanies each 401."""
        return 'Bearer realm="api"'


def _caller(hashed: str, *, at: datetime) -> ApiCaller:
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [hashed])
        row = cursor.fetchone()
    if row is None:
        raise AuthenticationFailed(f"This key is unknown. {_WHERE_FROM}")
    key_id, prefix, scopes, sandbox, expires_at, revoked_at, last_used_at = row
    if revoked_at is not None:
        raise AuthenticationFailed(f"Key {prefix}… was revoked. {_WHERE_FROM}")
    if expires_at is not None and expires_at <= at:
        raise AuthenticationFailed(f"Key {prefix}… expired at {expires_at.isoformat()}. {_WHERE_FROM}")
    if last_used_at is None or at - last_used_at >= USE_IS_NOTED_EVERY:
        _note_use(key_id, seen=last_used_at, at=at)
    return ApiCaller(key_id=key_id, prefix=prefix, scopes=frozenset(scopes), sandbox=sandbox)


def _note_use(key_id: int, *, seen: datetime | None, at: datetime) -> None:
    """
    Store that the key is in use. Of concurrent requests that find it due, one writes and the others change nothing.
    """
    unchanged = Q(last_used_at__isnull=True) if seen is None else Q(last_used_at=seen)
    ApiKey.objects.filter(unchanged, pk=key_id).update(last_used_at=at)
