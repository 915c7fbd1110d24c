"""Logs describe an error without quoting personal data."""

import logging
import time

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from config.logs import PlainFormatter

ADDRESS = "ada@example.com"  # a constant, because a traceback quotes the source line
TWO_LINES = "Ada\nCountess of Lovelace"


def logged(error: BaseException) -> str:
    exc_info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("billing", logging.ERROR, __file__, 1, "It failed: %s", (error,), exc_info)
    return PlainFormatter().format(record)


@pytest.mark.django_db
def test_leave_out_the_values_that_postgresql_quotes():
    User.objects.create(username=ADDRESS)
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        User.objects.create(username=ADDRESS)

    text = logged(raised.value)

    assert "auth_user_username_key" in text, "the failed constraint is still logged"
    assert ADDRESS not in text
    assert text.count("DETAIL: (left out)") == 3, "the message, the cause and the error that came of it"


@pytest.mark.django_db
def test_leave_out_values_of_several_lines():
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        User.objects.create(username=None, first_name=TWO_LINES)

    text = logged(raised.value)

    assert "Countess" not in text
    assert "null value in column" in text
    assert "Traceback" in text


@pytest.fixture
def _machine_in_tokyo(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_machine_in_tokyo")
def test_give_the_time_in_utc():
    record = logging.LogRecord("billing", logging.INFO, __file__, 1, "closed", (), None)
    record.created = 1_790_000_000.0

    assert PlainFormatter().format(record) == "2026-09-21T14:13:20Z INFO billing: closed"
