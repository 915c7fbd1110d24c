"""A database URL becomes settings without losing a part."""

import os

import pytest
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.utils import OperationalError

from config import databases

URLS = [
    # url                                                     key         value
    ("postgresql://u:p%40ss@db:6432/name", "PASSWORD", "p@ss"),
    ("postgresql://u@/name?host=%2Frun%2Fpg", "HOST", "/run/pg"),
    ("host=/run/pg dbname=name user=u", "NAME", "name"),
    ("postgresql://u@db:6432/name", "PORT", "6432"),
]


@pytest.mark.parametrize(("url", "key", "value"), URLS)
def test_keeps_each_part(url: str, key: str, value: str):
    assert databases.from_url(url)[key] == value


def test_passes_unknown_options_to_libpq():
    assert databases.from_url("postgresql://db/name?sslmode=verify-full")["OPTIONS"]["sslmode"] == "verify-full"


def test_bounds_the_statements_of_the_web_only():
    url = "postgresql://db/name?options=-c%20search_path%3Dbilling"
    usual = "-c search_path=billing -c plan_cache_mode=force_generic_plan"
    assert databases.from_url(url)["OPTIONS"]["options"] == usual
    assert databases.from_url(url, web=True)["OPTIONS"]["options"] == (
        f"{usual} -c statement_timeout=30000 -c lock_timeout=5000"
    )


@pytest.mark.django_db(transaction=True)
def test_a_web_process_cancels_a_long_statement(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(databases, "WEB_STATEMENT_MILLISECONDS", 100)
    bounded = databases.from_url(os.environ["DATABASE_URL"], web=True) | {"TIME_ZONE": None, "AUTOCOMMIT": True}
    with DatabaseWrapper(bounded).cursor() as cursor, pytest.raises(OperationalError, match="statement timeout"):
        cursor.execute("SELECT pg_sleep(5)")
