"""The end of a session of staff by time: docs/security.md#sign-in."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase

from access.audit_log.account_events import record_account_event
from access.models.audit_log import AccountEventKind

BEGAN, SEEN = "began_at", "seen_at"
"""Keys of the session: when it began, and when it was last used. Unix times in seconds."""

SEEN_STEP = 60
"""Seconds between two notes of the last use, so that not every request writes."""


class SessionLimitMiddleware:
    """
    Signs out users whose session began SESSION_COOKIE_AGE ago or was idle for SESSION_IDLE_SECONDS.

    Django's own expiry is no limit: it moves with every change of the session.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> None:
        user = request.user
        if not isinstance(user, User):
            return
        now, session = int(time.time()), request.session
        began_at, seen_at = session.get(BEGAN, now), session.get(SEEN, now)
        if now - began_at >= settings.SESSION_COOKIE_AGE or now - seen_at >= settings.SESSION_IDLE_SECONDS:
            record_account_event(AccountEventKind.SIGNED_OUT, request=request, user=user, way="time limit")
            logout(request)
        elif BEGAN not in session or now - seen_at >= SEEN_STEP:
            session.update({BEGAN: began_at, SEEN: now})
