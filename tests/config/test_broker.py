"""The queue in PostgreSQL is installed once, delivers tasks to workers, and redelivers the task of a lost worker."""

import os

import psycopg
import pytest
from django.conf import settings
from kombu import Connection
from psycopg.conninfo import conninfo_to_dict

from config import broker

pytestmark = pytest.mark.slow

DESCRIPTION = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'pgmq'"


@pytest.fixture
def database_url(transactional_db: None) -> str:
    """Return the test database's URL; the queue's own connections see only committed rows."""
    return str(os.environ["DATABASE_URL"])


def options(database_url: str, **changed: object) -> dict[str, object]:
    return broker.transport_options(broker.DEFAULT, database_url=database_url) | {"visibility_timeout": 1, **changed}


def test_is_installed_by_migrate(database_url: str):
    with psycopg.connect(database_url) as direct:
        described = direct.execute(DESCRIPTION).fetchone()
    assert described is not None
    assert described[0].startswith("Tollbook's message queue, pgmq ")


def test_is_installed_once(database_url: str):
    assert broker.install(database_url) is False


def test_is_reinstalled_when_its_version_differs(database_url: str):
    with psycopg.connect(database_url) as direct:
        direct.execute("COMMENT ON SCHEMA pgmq IS 'Tollbook''s message queue, pgmq 0.0.1'")

    assert broker.install(database_url) is True
    assert broker.install(database_url) is False


def test_redelivers_unacknowledged_messages(database_url: str):
    with Connection(broker.DEFAULT, transport_options=options(database_url)) as first:
        first.SimpleQueue("lost_and_found").put({"task": 1})
        first_message = first.SimpleQueue("lost_and_found").get(timeout=5)
        assert first_message.payload == {"task": 1}
        # This worker dies here, before it acknowledges the task.
    with Connection(broker.DEFAULT, transport_options=options(database_url)) as second:
        second_message = second.SimpleQueue("lost_and_found").get(timeout=10)
        assert second_message.payload == {"task": 1}
        second_message.ack()
        with psycopg.connect(database_url) as direct:
            assert direct.execute("SELECT count(*) FROM pgmq.q_lost_and_found").fetchone() == (0,)


def test_keeps_a_message_hidden_for_longer_than_its_task_may_run():
    assert settings.CELERY_TASK_TIME_LIMIT < broker.transport_options("redis:", database_url="")["visibility_timeout"]
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT


def test_connects_as_the_url_says_down_to_encryption(monkeypatch: pytest.MonkeyPatch):
    """The queue's client would silently drop sslmode, and connect unencrypted."""
    monkeypatch.setenv("PGSSLMODE", "")
    monkeypatch.delenv("PGSSLMODE")
    url = "postgresql://billing:s3cret@db.example:6432/tollbook?sslmode=verify-full"

    transport_options = broker.transport_options(broker.DEFAULT, database_url=url)

    assert conninfo_to_dict(str(transport_options["conn_string"])) == {
        "user": "billing",
        "password": "s3cret",
        "host": "db.example",
        "port": "6432",
        "dbname": "tollbook",
    }
    assert os.environ["PGSSLMODE"] == "verify-full"
