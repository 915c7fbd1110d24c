"""From the first release on, migrations are kept: a database with rows in every table migrates to the present."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config.paths import PROJECT
from config.postgres import OWNER
from tests.migrations.populated_database import count_rows, read_schema, restore

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("django_db_setup")]


@pytest.fixture
def stored_database() -> Iterator[str]:
    """Create a database from the stored one, and return its URL."""
    fresh = os.environ[OWNER]
    name = f"{conninfo_to_dict(fresh)['dbname']}_forward"
    with psycopg.connect(make_conninfo(fresh, dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_conninfo(fresh, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


MOVED = {
    "plans_changerequest": "access_approvalrequest",
    "plans_changerequestevent": "access_approvalrequestevent",
}
"""Former table → the one that has its rows now."""

NOT_PORTABLE = {
    "webhook_secrets_can_be_decrypted": "the secrets were sealed with a key of the machine that stored them",
    "alert_evaluations_are_not_delayed": "the database has been stored for longer than anyone may wait",
}
"""Check → why it finds something in a database that was stored elsewhere and long ago."""


def manage(url: str, *arguments: str, is_checked: bool = True) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=os.environ | {OWNER: url, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not is_checked, done.stdout + done.stderr
    return done.stdout


def test_it_keeps_its_rows_has_the_present_schema_and_clean_books(stored_database: str):
    restore(stored_database)
    rows_before = count_rows(stored_database)

    manage(stored_database, "migrate", "--no-input")

    rows = count_rows(stored_database)
    kept = {MOVED.get(table, table): count for table, count in rows_before.items()}
    assert {table: count for table, count in kept.items() if rows.get(table, 0) < count} == {}
    differences = read_schema(stored_database) ^ read_schema(os.environ[OWNER])
    assert sorted(differences) == [], "the initial migrations were edited: store the database again"
    report = json.loads(manage(stored_database, "audit", "--json", is_checked=False))
    assert {row["name"] for row in report if row["is_violated"]} - set(NOT_PORTABLE) == set()
