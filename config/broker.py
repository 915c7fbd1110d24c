"""
Celery's broker: a queue in our own PostgreSQL unless CELERY_BROKER_URL selects another.

Due work is stored in tables; a message only wakes up a worker. See docs/decisions/0005-broker.md.
"""

import os
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

DEFAULT = "pgmq://localhost"
# Of the default: the library's own transport would create queues, for which no process has the right.
TRANSPORT = "config.queue_transport.Transport"
QUEUES = ("celery",)
# Celery kills a task that runs longer (CELERY_TASK_TIME_LIMIT); the rows that it left stay due for the next run.
TASK_SECONDS = 300
# A message reappears this long after its worker died, so this must exceed the longest task.
VISIBLE_AGAIN_SECONDS = TASK_SECONDS + 30
PASSED_ON = {"host", "port", "dbname", "user", "password"}


def transport_options(broker_url: str, *, database_url: str) -> dict[str, Any]:
    """Return kombu's transport options for the broker."""
    if broker_url != DEFAULT:
        return {"visibility_timeout": VISIBLE_AGAIN_SECONDS}
    return {
        "conn_string": _connection(database_url),
        "init_extension": False,  # our `migrate` installs the queue as plain SQL: no extension is needed
        "visibility_timeout": VISIBLE_AGAIN_SECONDS,
        "wait_time_seconds": 0,  # no polling in the server: a notification wakes the worker
        "use_notify": True,
        "polling_interval": 0.1,
        "pool_size": 4,
        "pool_timeout": 10,
    }


def install(connection: psycopg.Connection) -> bool:
    """
    Install the tables and functions of the queue unless this version is installed, and return whether it did; create
    the queues that are missing. The connection is the owner's.

    Another version that we installed is dropped first, with its messages: they only wake up workers, and the
    scheduled tasks find due work. A queue installed as an extension is unchanged.
    """
    comment = f"Tollbook's message queue, pgmq {files('pgmq').joinpath('sql', 'VERSION').read_text().strip()}"
    with connection.transaction():
        # Advisory lock: two concurrent migrations do not both install the queue.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('tollbook.broker.install'))")
        installed_comment = connection.execute(
            "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'pgmq'"
        ).fetchone()
        extension = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'pgmq'").fetchone()
        is_new = not (extension or installed_comment == (comment,))
        if is_new:
            if installed_comment:
                connection.execute("DROP SCHEMA pgmq CASCADE")
            connection.execute(files("pgmq").joinpath("sql", "pgmq.sql").read_bytes())
            connection.execute(sql.SQL("COMMENT ON SCHEMA pgmq IS {}").format(comment))
        create_queues(connection, QUEUES)
    return is_new


def create_queues(connection: psycopg.Connection, queues: Iterable[str]) -> None:
    """Create the queues that are missing, each with the trigger that notifies the workers of a message."""
    existing = {name for (name,) in connection.execute("SELECT queue_name FROM pgmq.meta").fetchall()}
    for queue in set(queues) - existing:
        connection.execute("SELECT pgmq.create(%s)", [queue])
        connection.execute("SELECT pgmq.enable_notify_insert(%s, 0)", [queue])
        # A crash empties an unlogged table. The library's own transport fills it whenever a worker starts.
        connection.execute("ALTER TABLE pgmq.notify_insert_throttle SET LOGGED")


def _connection(database_url: str) -> str:
    """
    Return the connection string for the queue's client.

    The client keeps only five parameters and would silently drop the rest, such as sslmode; libpq reads those from
    the environment instead.
    """
    passed_on: dict[str, str] = {}
    for option in Conninfo.parse(database_url.encode()):
        if option.val and option.keyword.decode() in PASSED_ON:
            passed_on[option.keyword.decode()] = option.val.decode()
        elif option.val and option.envvar:
            os.environ.setdefault(option.envvar.decode(), option.val.decode())
    return make_conninfo(**passed_on)
