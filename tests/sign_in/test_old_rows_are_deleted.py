"""Counts and sessions are deleted once they no longer count."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from access.models import RateLimitBucket, SignInFailure
from access.retention import delete_old_rows
from access.sign_in.lock_out import count_try

NOW = datetime(2026, 4, 7, 12, tzinfo=UTC)
DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


def test_only_old_rows_are_deleted():
    ann = User.objects.create(username="ann")
    for name, at in (("old", NOW - 3 * DAY), ("new", NOW - timedelta(hours=1))):
        count_try(name=name, address="203.0.113.9", at=at)
        RateLimitBucket.objects.create(name="key", caller=name, tokens=1, granted=1, at=at)
        Session.objects.create(session_key=name, session_data="", expire_date=at + timedelta(hours=12))
        UserSession.objects.create(session_key=name, user=ann, ip="203.0.113.9", user_agent="")

    assert delete_old_rows(at=NOW) == 3

    assert list(RateLimitBucket.objects.values_list("caller", flat=True)) == ["new"]
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]
    assert list(UserSession.objects.values_list("session_key", flat=True)) == ["new"]
    assert SignInFailure.objects.count() == 1
