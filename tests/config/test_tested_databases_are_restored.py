"""
Rows and schema changes that a test commits are undone after it: rows are restored, or the database is copied again.
"""

import os

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from config.postgres import OWNER
from plans.models import Plan
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe, use
from tests.database_reset import Original
from tests.owner_rights import as_owner

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"


def contents() -> dict[str, list[tuple]]:
    with psycopg.connect(os.environ[OWNER]) as reader:
        tables = [table for (table,) in reader.execute(TABLES)]
        return {
            "sequences": reader.execute(SEQUENCES).fetchall(),
            **{table: reader.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall() for table in tables},  # noqa: S608
        }


@pytest.fixture
def original() -> Original:
    make_customer()  # an existing row
    return Original(os.environ[OWNER])


def test_rows_and_sequences_are_restored(original):
    before = contents()
    offers = [offer("api.calls", rates=[rate("0.05")])]
    use(subscribe(make_customer(), publish(make_plan(fees=[fee("5")], offers=offers))), "api.calls", 100)
    ContentType.objects.filter(app_label="auth").update(app_label="other")  # rows that migrations inserted
    assert contents() != before

    assert original.restore()
    assert contents() == before


def test_the_message_queue_is_restored():
    """Its sequence without its rows gives the next message a number that exists."""
    with psycopg.connect(os.environ[OWNER], autocommit=True) as owner:
        owner.execute("SELECT pgmq.purge_queue('celery')")
        original = Original(os.environ[OWNER])
        owner.execute("SELECT pgmq.send('celery', '{}')")

    assert original.restore()
    with psycopg.connect(os.environ[OWNER]) as owner:
        owner.execute("SELECT pgmq.send('celery', '{}')")
        assert owner.execute("SELECT count(*) FROM pgmq.q_celery").fetchall() == [(1,)]


def test_open_connections_are_closed(original):
    Plan.objects.exists()
    with psycopg.connect(os.environ["DATABASE_URL"]) as left_open:
        left_open.execute("LOCK TABLE customers_customer IN ACCESS EXCLUSIVE MODE")
        assert original.restore()
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")
    connection.close()


DAMAGE = [
    "ALTER TABLE invoices_line DISABLE TRIGGER USER",
    "ALTER TABLE invoices_invoice DROP CONSTRAINT invoice_total_is_never_negative",
    "ALTER TABLE plans_tier ADD COLUMN other integer",
    "DROP INDEX invoice_by_time",
    "CREATE OR REPLACE FUNCTION other() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
]


def test_a_changed_schema_is_not_restored_by_rows():
    unnoticed = []
    for damage in DAMAGE:
        original = Original(os.environ[OWNER])
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(damage)
        connection.close()
        if original.restore():
            unnoticed.append(damage)

    assert unnoticed == []
