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


def formatted(text: str, *arguments: object, **extra: object) -> str:
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, text, arguments, None)
    vars(record).update(extra)
    return PlainFormatter().format(record)


@pytest.mark.parametrize("character", ["\n", "\r\n", "\x85", "\u2028", "\x1b[2J"])
def test_text_from_outside_begins_no_line(character: str):
    text = formatted("Not found: %s", f"/x{character}2026-01-01T00:00:00Z INFO root: forged")

    assert len(text.splitlines()) == 1
    assert "\x1b" not in text


LINKS = [
    "/portal/enter/Zm9vYmFyLWFuZC1tb3JlLWZvb2Jhcg",
    "/admin/account/password/link/3-czq1f5-0a1b2c3d4e5f60718293a4b5c6d7e8f9/",
    "/invoices/WzEsMiwxNzc1NTY3NjAwXQ:1wA0bC:signature.pdf",
]


@pytest.mark.parametrize("link", LINKS)
def test_links_that_sign_in_or_open_files_are_left_out(link: str):
    secret = max(link.split("/"), key=len)

    assert secret not in formatted("Forbidden: %s", link)
    assert "/api/v1/invoices/1234/pdf" in formatted("Not Found: %s", "/api/v1/invoices/1234/pdf")


@pytest.mark.django_db
def test_a_refused_request_names_its_user_by_number(client, caplog):
    user = User.objects.create_user("support", is_staff=True, email=ADDRESS)
    client.force_login(user)
    with caplog.at_level(logging.WARNING, logger="django.request"):
        assert client.get("/admin/customers/apikey/add/").status_code == 403

    line = PlainFormatter().format(caplog.records[-1]).splitlines()[0]
    assert line.endswith(f"Forbidden (Permission denied): /admin/customers/apikey/add/ user={user.pk}")
    assert ADDRESS not in line


def test_logs_go_to_stdout_only(settings):
    handlers = settings.LOGGING["handlers"]

    assert {(handler["class"], handler["stream"]) for handler in handlers.values()} == {
        ("logging.StreamHandler", "ext://sys.stdout")
    }
    assert {handler["formatter"] for handler in handlers.values()} == {"plain"}
