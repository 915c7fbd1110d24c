"""
PostgreSQL without a system-wide installation.

DATABASE_URL takes precedence. Otherwise the project's own server runs on a Unix socket, with its data in
`.data/postgres`. See docs/decisions/0004-embedded-postgresql.md.
"""

import os

from config.paths import data_folder, fallback_folder
from config.postgres.account import server_account
from config.postgres.cluster import APPLICATION, STAFF, Cluster, socket_path_fits

__all__ = [
    "OWNER",
    "WORKER",
    "Cluster",
    "become_owner",
    "development",
    "ensure_running",
    "keep_running",
    "started_here",
    "url",
    "worker_url",
]

OWNER = "TOLLBOOK_OWNER_DATABASE_URL"
"""The variable with the login of the tables' owner. Processes that run all the time do not have it."""
WORKER = "TOLLBOOK_APPLICATION_DATABASE_URL"
"""The variable with the login of workers, for a process that starts them with others: the demo."""

_started_here = False


def development() -> Cluster:
    """Return the project's own cluster, running or not: in `.data` if the server's user can work there."""
    home = data_folder() / "postgres"
    if not (server_account(home).can_reach(home.parent) and socket_path_fits(home)):
        home = fallback_folder() / "postgres"
    return Cluster(home=home)


def url() -> str:
    """
    Return the URL of the database to use, in libpq's format, without starting anything.

    Its login is this process's own; on our own server it is that of staff, since one process serves admin and API.
    """
    return os.environ.get("DATABASE_URL") or development().url(user=STAFF)


def worker_url() -> str:
    """Return the URL for workers of this machine, with the application's login if it is known."""
    if configured_url := os.environ.get("DATABASE_URL"):
        return os.environ.get(WORKER) or configured_url
    return development().url(user=APPLICATION)


def become_owner() -> None:
    """Let this process, and those that it starts, use the login of the tables' owner."""
    if owner_url := os.environ.get(OWNER):
        os.environ["DATABASE_URL"] = owner_url
    elif not os.environ.get("DATABASE_URL"):
        ensure_running()
        os.environ["DATABASE_URL"] = development().url()


def ensure_running() -> str:
    """Return the URL of a database that accepts connections, starting our own server if needed."""
    global _started_here
    if configured_url := os.environ.get("DATABASE_URL"):
        return configured_url
    cluster = development()
    if not cluster.accepts_connections():
        _started_here = True
    cluster.ensure_running()
    return url()


def keep_running() -> None:
    """Restart our own server if its process has ended; cheap enough to call several times a second."""
    if not os.environ.get("DATABASE_URL") and not development().is_up():
        ensure_running()


def started_here() -> bool:
    """Return whether this process started our own server, so that it should stop it again."""
    return _started_here
