"""
A populated database of the first release, from which each later release must migrate.

Until the first release its initial migrations are edited in place (docs/decisions/0039), and a stored database is
replaced: `python -m config.postgres run python -m tests.migrations.populated_database`.
"""

import lzma
import os
import re
import subprocess
from pathlib import Path

import django
import psycopg
from django.db import transaction

from config.postgres import OWNER
from tests import postgres
from tests.template_cache import program

_CAST = re.compile(r"::(?:character varying|text|bpchar)(?:\[\])?|[()]")
DUMP = Path(__file__).with_name("first_release.sql.xz")

_SCHEMA = """
SELECT 'column', table_name || '.' || column_name,
    concat_ws(' ', udt_name, numeric_precision, numeric_scale, character_maximum_length, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(t.oid) || p.prosrc
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT tgisinternal
"""


def restore(url: str) -> None:
    """Fill an empty database with the stored rows and schema."""
    subprocess.run(
        [program("psql"), "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", url],
        input=lzma.decompress(DUMP.read_bytes()),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def read_schema(url: str) -> set[tuple[str, str, str]]:
    """
    Return the columns, constraints, indexes and triggers of a database, each with its definition.

    Without casts and parentheses: PostgreSQL moves them when it restores a dump.
    """
    with psycopg.connect(url) as connection:
        rows = connection.execute(_SCHEMA).fetchall()
    return {(kind, name, _CAST.sub("", definition)) for kind, name, definition in rows}


def count_rows(url: str) -> dict[str, int]:
    """Return table → rows, for the tables that have any."""
    with psycopg.connect(url) as connection:
        tables = [
            table
            for (table,) in connection.execute(
                "SELECT c.oid::regclass::text FROM pg_class c"
                " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
            )
        ]
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}  # noqa: S608
    return {table: count for table, count in counts.items() if count}


def store() -> None:
    """Make the books that have rows in every table, and store their database."""
    django.setup()
    from config import celery_app
    from tests.billing.audit.books import make_books

    celery_app.conf.update(broker_url="memory://localhost/", broker_transport=None, broker_transport_options={})
    with postgres.run():
        database = postgres.WorkerDatabase()
        database.create()
        with transaction.atomic():
            make_books()
        dump = subprocess.run(
            [program("pg_dump"), "--no-owner", "--no-privileges", os.environ[OWNER]],
            check=True,
            stdout=subprocess.PIPE,
        )
        database.drop()
    DUMP.write_bytes(lzma.compress(dump.stdout, preset=9))


if __name__ == "__main__":
    store()
