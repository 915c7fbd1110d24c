"""A PostgreSQL cluster of our own: its folder, and the start and stop of its server."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from config.paths import make_folder
from config.postgres import binaries, process
from config.postgres.account import ServerAccount, server_account
from config.postgres.configuration import server_settings

USER = "tollbook"
DATABASE = "tollbook"
# The logins of config/database_roles, which has their rights. They exist from the start, so that a process that finds
# no tables yet can say so.
APPLICATION = f"{USER}_application"
STAFF = f"{USER}_staff"
LONGEST_SOCKET_PATH = 107  # bytes, the kernel's limit
START_SECONDS = 120
# Longer than a start or stop (START_SECONDS), during which another process holds the lock.
LOCK_SECONDS = 180


class PostgresFailed(Exception):
    """A PostgreSQL program failed; the message includes the end of its log."""


def socket_path_fits(home: Path) -> bool:
    """
    Return whether the sockets of a cluster in `home` (and their lock files) have a path that the kernel accepts.
    """
    return len(os.fsencode(home / "run" / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET_PATH


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """
    A cluster of our own.

    home: the cluster's folder, with `data`, `run` (the socket), `log`, `lock` and `server` (the process that runs).
    shared_buffers: in PostgreSQL's format, for example "512MB".

    Only the server's user and root can enter `home`, so connections need no password.
    """

    home: Path
    shared_buffers: str = "512MB"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def socket(self) -> Path:
        return self.home / "run" / ".s.PGSQL.5432"

    def url(self, database: str = DATABASE, *, user: str = USER) -> str:
        """Return a URL; `USER` is the superuser and the owner of the tables."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.home / 'run'), safe='')}"

    def ensure_running(self) -> str:
        """
        Start the server unless it accepts connections already, and return its URL.

        Any number of processes may call this at once: the first one starts the server, the others wait.

        :raises NoPostgres: if there are no programs to run.
        :raises PostgresFailed: if the server does not come up.
        """
        if not self.accepts_connections():
            with self._locked() as account:
                self._start(account)
        return self.url()

    def stop(self, *, mode: str = "fast") -> bool:
        """
        Stop the server, closing its connections, and return whether it ran.

        mode: "fast", or "immediate" for a server whose data is discarded.
        """
        if not self.home.is_dir():
            return False
        with self._locked() as account:
            if self.pid() is None:
                return False
            self._pg_ctl(account, "stop", "-m", mode, "-w", "-t", str(START_SECONDS))
        return True

    def accepts_connections(self, database: str = DATABASE) -> bool:
        try:
            psycopg.connect(self.url(database), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def is_up(self) -> bool:
        """Return whether the server's process is alive and its socket exists, without connecting."""
        return self.pid() is not None and self.socket.exists()

    def pid(self) -> int | None:
        """Return the server's process id if it is alive and still the server's, not reused by another process."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        identity = process.process_identity(pid)
        if identity is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            if (self.home / "server").read_text() == f"{pid} {identity}":
                return pid
        return pid if process.works_in(pid, self.data) else None  # started by hand, with pg_ctl

    @contextlib.contextmanager
    def _locked(self) -> Iterator[ServerAccount]:
        """Hold the cluster's lock, which the kernel releases when the holder dies; yield the server's account."""
        make_folder(self.home.parent)
        account = server_account(self.home)
        self.home.mkdir(mode=0o700, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise PostgresFailed(
                            f"Another process held {lock.name} for more than {LOCK_SECONDS} s."
                        ) from None
                    time.sleep(0.05)
            account.own(self.home, mode=0o700)  # another process may have created it and not set its owner yet
            yield account

    def _start(self, account: ServerAccount) -> None:
        if self.pid() is not None and not self.socket.exists():
            # The folder was deleted and created again: the server of the old folder deleted the new one's socket.
            self._pg_ctl(account, "stop", "-m", "fast", "-w", "-t", str(START_SECONDS))
        if self.pid() is None:
            if not self.data.exists():
                self._create(account)
            self._require_same_version(binaries.find(account))
            self._remove_stale_files(account)
            self._configure(account)
            self._pg_ctl(account, "start", "-l", self.home / "log", "-w", "-t", str(START_SECONDS))
            if pid := self.pid():
                (self.home / "server").write_text(f"{pid} {process.process_identity(pid)}")
        self._wait()
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
            for login in (APPLICATION, STAFF):
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login]).fetchone()
                if known is None:
                    connection.execute(f"CREATE ROLE {login} LOGIN")

    def _create(self, account: ServerAccount) -> None:
        """
        Create the data folder under another name first, so that an interrupted creation is not used as a cluster.
        """
        program = binaries.find(account) / "initdb"
        unfinished = self.home / "data.new"
        self._run(account, ["rm", "-rf", unfinished])
        options = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"]
        self._run(account, [program, "-D", unfinished, *options])
        with (unfinished / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude 'tollbook.conf'\n")
        unfinished.rename(self.data)

    def _require_same_version(self, programs: Path) -> None:
        data_version, program_version = int((self.data / "PG_VERSION").read_text()), binaries.major(programs)
        if data_version != program_version:
            raise PostgresFailed(
                f"PostgreSQL {program_version} in {programs} cannot read {self.data}, which was made by PostgreSQL "
                f"{data_version}. "
                f"Name the folder of {data_version} with TOLLBOOK_PG_BIN, or delete the data with `make clean`."
            )

    def _configure(self, account: ServerAccount) -> None:
        run = self.home / "run"
        run.mkdir(exist_ok=True)
        account.own(run, mode=0o700)
        settings = self.data / "tollbook.conf"
        settings.write_text(server_settings(socket_folder=run, shared_buffers=self.shared_buffers))
        account.own(settings, mode=0o600)

    def _remove_stale_files(self, account: ServerAccount) -> None:
        """
        Remove a dead server's pid and lock files if another process has its id now, which PostgreSQL would take for a
        running server.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
        if Path(f"/proc/{pid}").exists():
            for stale_file in (self.data / "postmaster.pid", self.socket.with_name(f"{self.socket.name}.lock")):
                stale_file.unlink(missing_ok=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.accepts_connections("postgres"):
            if time.monotonic() > deadline or self.pid() is None:
                raise PostgresFailed(f"PostgreSQL in {self.home} does not accept connections.\n{self._end_of_log()}")
            time.sleep(0.05)

    def _pg_ctl(self, account: ServerAccount, *arguments: str | Path) -> None:
        self._run(account, [binaries.find(account) / "pg_ctl", "-D", self.data, *arguments])

    def _run(self, account: ServerAccount, command: list[str | Path]) -> None:
        completed = account.run(command, cwd=self.home, timeout=START_SECONDS + 30)
        if completed.returncode != 0:
            raise PostgresFailed(f"{command[0]} failed:\n{completed.stdout}{self._end_of_log()}")

    def _end_of_log(self) -> str:
        log = self.home / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""
