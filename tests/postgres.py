"""
The databases of a test run: a throwaway cluster (or the server of DATABASE_URL), and a database for each worker.

The owner creates and resets them; tests have the rights of staff. Their connections are the owner's with the role of
staff, so that a test which plants a corruption can take the owner's rights for it, within its transaction.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import django
import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config import databases
from config.database_roles.names import RoleNames
from config.paths import PROJECT
from config.postgres import OWNER, WORKER
from config.postgres.throwaway import cluster_in, is_throwaway, run_folder
from tests import template_cache
from tests.database_reset import Original

RUN = "TOLLBOOK_TEST_RUN"  # the run's folder, inherited by the workers
SERVER = "TOLLBOOK_TEST_SERVER"  # the server's URL if it is not the run's own


@contextlib.contextmanager
def run() -> Iterator[None]:
    """
    Store this run's folder and server in the environment, for its workers; remove both at the end.

    A run whose folder is already in the environment shares it, with its template, and does not remove it.
    """
    if RUN in os.environ:
        yield
        return
    given = os.environ.get(OWNER) or os.environ.get("DATABASE_URL")
    with run_folder() as folder:
        os.environ[RUN] = str(folder)
        if given:
            os.environ[SERVER] = given
        yield
        if given and not is_throwaway(given):
            _drop_all(given, _template_name(folder))


@contextlib.contextmanager
def template_ahead() -> Iterator[None]:
    """Create the template while workers still collect tests: a migration takes a minute for which all would wait."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    making = subprocess.Popen([sys.executable, "-m", "tests.postgres"], cwd=PROJECT, env=environment)
    try:
        yield
    finally:
        making.kill()
        making.wait()


class WorkerDatabase:
    """The database of one worker: a copy of the migrated template."""

    def __init__(self) -> None:
        self.folder = Path(os.environ[RUN])
        self.template = _template_name(self.folder)
        self.worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.name = f"{self.template}_{self.worker}"
        self.filled: set[str] = set()
        server = os.environ.get(SERVER) or cluster_in(self.folder).ensure_running()
        self.server = make_conninfo(server, options="-c role=none")

    def create(self) -> None:
        """Copy the template; let Django and child processes use the copy."""
        self.ensure_template()
        self._copy()
        self._use(self.name)

    def ensure_template(self) -> None:
        """Return once the template exists; the first caller creates it."""
        with self._one_at_a_time():
            if not self._exists(self.template):
                self._make_template()

    @contextlib.contextmanager
    def use_filled(self, rows: str, fill: Callable[[], None]) -> Iterator[None]:
        """
        Let tests that roll back use this worker's copy of a database with the rows that `fill` commits.

        rows: the name of these rows. The first worker to ask for them makes them, once for all workers.
        """
        source = f"{self.template}_{rows}"
        copy = f"{source}_{self.worker}"
        try:
            with self._one_at_a_time(rows):
                if not self._exists(source):
                    self._fill(source, fill)
                if copy not in self.filled:
                    self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), copy, source)
                    self.filled.add(copy)
            self._use(copy)
            yield
        finally:
            self._use(self.name)

    @contextlib.contextmanager
    def use_as_owner(self) -> Iterator[None]:
        """Let the owner use this worker's database: a benchmark creates databases and tables."""
        with self._owned(self.name):
            yield
        self._use(self.name)

    @contextlib.contextmanager
    def _owned(self, name: str) -> Iterator[str]:
        """Let the owner use a database, and yield its URL."""
        owner_url = self._url(name, role="none")
        self._connect(owner_url)
        try:
            yield owner_url
        finally:
            connections.close_all()

    def _fill(self, name: str, fill: Callable[[], None]) -> None:
        unfinished = f"{name}_unfinished"
        _drop(self.server, unfinished)
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), unfinished, self.template)
        self._use(unfinished)
        rows = transaction.atomic()
        rows._from_testcase = True  # as in a test: durable blocks may run in this transaction
        with rows:
            fill()
        with self._owned(unfinished), connections["default"].cursor() as cursor:
            cursor.execute("ANALYZE")  # without statistics, some checks of the audit take seconds
        self._execute(sql.SQL("ALTER DATABASE {} RENAME TO {}"), unfinished, name)

    def renew(self) -> None:
        """Discard committed rows of a test; open connections are closed."""
        connections.close_all()
        if not self.original.restore():
            self._copy()

    def drop(self) -> None:
        """Drop this worker's databases, unless their server is removed with the run."""
        connections.close_all()
        if not is_throwaway(self.server):
            for name in (self.name, *self.filled):
                _drop(self.server, name)

    def _copy(self) -> None:
        _drop(self.server, self.name)
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), self.name, self.template)
        self.original = Original(self._url(self.name, role="none"))

    def _make_template(self) -> None:
        if is_throwaway(self.server):
            # No test cuts the power, and a killed server loses nothing that the kernel has: commits skip the disk.
            for setting in ("fsync", "full_page_writes"):
                self._execute(sql.SQL("ALTER SYSTEM SET {} = off"), setting)
            self._execute(sql.SQL("SELECT pg_reload_conf()"))
        unfinished = f"{self.template}_unfinished"
        _drop(self.server, unfinished)
        self._execute(sql.SQL("CREATE DATABASE {}"), unfinished)
        with self._owned(unfinished) as owner_url:
            if not template_cache.restore(owner_url):
                call_command("migrate", verbosity=0, interactive=False)
                connections.close_all()
                template_cache.store(owner_url)
            call_command("create_partitions", verbosity=0)
            call_command("database_roles", verbosity=0)  # rights are not stored
        self._execute(sql.SQL("ALTER DATABASE {} RENAME TO {}"), unfinished, self.template)

    def _use(self, name: str) -> None:
        """Let this process and its children use a database as staff, and its workers as the application."""
        with psycopg.connect(self.server) as connection:
            names = RoleNames(connection.info.user)
        os.environ[OWNER] = self._url(name, role="none")
        os.environ[WORKER] = self._url(name, role=names.application)
        self._connect(self._url(name, role=names.staff))

    def _url(self, name: str, *, role: str) -> str:
        # Every URL names a role: the queue's client stores options of a URL in the environment, where libpq finds
        # them for a URL that has none.
        return make_conninfo(**conninfo_to_dict(self.server) | {"dbname": name, "options": f"-c role={role}"})

    def _connect(self, url: str) -> None:
        connections.close_all()
        settings.DATABASES["default"].update(databases.from_url(url))
        os.environ["DATABASE_URL"] = url

    def _exists(self, name: str) -> bool:
        with psycopg.connect(self.server) as connection:
            return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None

    def _execute(self, statement: sql.SQL, *names: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(statement.format(*map(sql.Identifier, names)))

    @contextlib.contextmanager
    def _one_at_a_time(self, rows: str = "template") -> Iterator[None]:
        with (self.folder / f"{rows}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _template_name(folder: Path) -> str:
    return f"tollbook_test_{folder.name}"


def _drop(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_all(server: str, name: str) -> None:
    """Drop the databases whose names begin with this one."""
    with psycopg.connect(server, autocommit=True) as connection:
        statement = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        matches = connection.execute(statement, [name]).fetchall()
    for (database,) in matches:
        _drop(server, database)


if __name__ == "__main__":
    django.setup()
    WorkerDatabase().ensure_template()
