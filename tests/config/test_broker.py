"""The queue in PostgreSQL is installed once, delivers tasks to workers, and redelivers the task of a lost worker."""

import os

import psycopg
import pytest
from django.conf import settings
from kombu import Connection
from psycopg.conninfo import conninfo_to_dict

from config import broker
from config.postgres import OWNER
from config.queue_transport import QueueMissing
from tests.logins import login_url, role_names

pytestmark = pytest.mark.slow

DESCRIPTION = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'pgmq'"


@pytest.fixture
def database_url(transactional_db: None) -> str:
    """Return the URL of a worker; the queue's own connections see only committed rows."""
    return login_url(role_names().application)


def options(database_url: str, **changed: object) -> dict[str, object]:
    return broker.transport_options(broker.DEFAULT, database_url=database_url) | {"visibility_timeout": 1, **changed}


def connect(database_url: str) -> Connection:
    return Connection(broker.DEFAULT, transport=broker.TRANSPORT, transport_options=options(database_url))


@pytest.mark.usefixtures("database_url")
def test_is_installed_by_migrate():
    with psycopg.connect(os.environ[OWNER]) as direct:
        described = direct.execute(DESCRIPTION).fetchone()
    assert described is not None
    assert described[0].startswith("Tollbook's message queue, pgmq ")


@pytest.mark.usefixtures("database_url")
def test_is_installed_once():
    with psycopg.connect(os.environ[OWNER]) as owner:
        assert broker.install(owner) is False


@pytest.mark.usefixtures("database_url")
def test_is_reinstalled_when_its_version_differs():
    with psycopg.connect(os.environ[OWNER]) as owner:
        owner.execute("COMMENT ON SCHEMA pgmq IS 'Tollbook''s message queue, pgmq 0.0.1'")

        assert broker.install(owner) is True
        assert broker.install(owner) is False


def test_declaring_creates_no_queue(database_url: str):
    with connect(database_url) as client, pytest.raises(QueueMissing, match=r"manage\.py migrate creates"):
        client.SimpleQueue("unknown")
    with psycopg.connect(os.environ[OWNER]) as owner:
        assert owner.execute("SELECT queue_name FROM pgmq.meta").fetchall() == [("celery",)]


@pytest.mark.usefixtures("database_url")
def test_a_message_wakes_a_worker_after_a_crash_of_the_server():
    """A crash empties unlogged tables, and the trigger reads one to learn whether to notify."""
    with psycopg.connect(os.environ[OWNER]) as owner:
        statement = "SELECT relpersistence::text FROM pg_class WHERE relname = 'notify_insert_throttle'"
        assert owner.execute(statement).fetchone() == ("p",)


def test_a_new_message_notifies(database_url: str):
    with psycopg.connect(database_url, autocommit=True) as worker, connect(database_url) as client:
        worker.execute('LISTEN "pgmq.q_celery.INSERT"')
        client.SimpleQueue("celery").put({"task": 1})
        assert next(worker.notifies(timeout=10)).channel == "pgmq.q_celery.INSERT"


def test_redelivers_unacknowledged_messages(database_url: str):
    with psycopg.connect(os.environ[OWNER]) as owner:
        broker.create_queues(owner, ["lost_and_found"])
        owner.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON pgmq.q_lost_and_found TO PUBLIC")
        owner.execute("GRANT SELECT ON SEQUENCE pgmq.q_lost_and_found_msg_id_seq TO PUBLIC")
    with connect(database_url) as first:
        first.SimpleQueue("lost_and_found").put({"task": 1})
        first_message = first.SimpleQueue("lost_and_found").get(timeout=5)
        assert first_message.payload == {"task": 1}
        # This worker dies here, before it acknowledges the task.
    with connect(database_url) as second:
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
