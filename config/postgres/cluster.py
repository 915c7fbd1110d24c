"""One PostgreSQL cluster of our own: its folder, its server, its life."""

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
LONGEST_SOCKET_PATH = 107  # bytes, the kernel's limit
START_SECONDS = 120
LOCK_SECONDS = 180


class PostgresFailed(Exception):
    """The server did not do what it was told; the message carries the end of its log."""


def socket_path_fits(home: Path) -> bool:
    """Say whether the sockets of a cluster in `home` (and their lock files) get a path the kernel accepts."""
    return len(os.fsencode(home / "run" / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET_PATH


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """
    home: the cluster's folder, with `data`, `run` (the socket), `log`, `lock` and `server` (which process runs).
    shared_buffers: as PostgreSQL writes it, for example "512MB".

    Only the server's user and root can enter `home`, so the connection needs no password.
    """

    home: Path
    shared_buffers: str = "512MB"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def socket(self) -> Path:
        return self.home / "run" / ".s.PGSQL.5432"

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{USER}@/{database}?host={quote(str(self.home / 'run'), safe='')}"

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
        Stop the server, closing its connections, and say whether it ran.

        mode: "fast", or "immediate" for a server whose data is thrown away.
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
        """Say whether the server's process lives and can be reached, without connecting."""
        return self.pid() is not None and self.socket.exists()

    def pid(self) -> int | None:
        """Return the server's process id if that process is alive and the server, not a later one of that number."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        mark = process.process_identity(pid)
        if mark is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            if (self.home / "server").read_text() == f"{pid} {mark}":
                return pid
        return pid if process.works_in(pid, self.data) else None  # started by hand, with pg_ctl

    @contextlib.contextmanager
    def _locked(self) -> Iterator[ServerAccount]:
        """Hold the cluster's lock, which the kernel frees when the holder dies; yield the server's account."""
        make_folder(self.home.parent)
        account = server_account(self.home)
        self.home.mkdir(mode=0o700, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            give_up = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > give_up:
                        raise PostgresFailed(f"Another process held {lock.name} for {LOCK_SECONDS} s.") from None
                    time.sleep(0.05)
            account.own(self.home, mode=0o700)  # its maker may be another process, which was overtaken here
            yield account

    def _start(self, account: ServerAccount) -> None:
        if self.pid() is not None and not self.socket.exists():
            # A folder that was deleted and made again: the server of the old one took the new one's socket with it.
            self._pg_ctl(account, "stop", "-m", "fast", "-w", "-t", str(START_SECONDS))
        if self.pid() is None:
            if not self.data.exists():
                self._create(account)
            self._require_same_version(binaries.find(account))
            self._forget_the_dead(account)
            self._configure(account)
            self._pg_ctl(account, "start", "-l", self.home / "log", "-w", "-t", str(START_SECONDS))
            if pid := self.pid():
                (self.home / "server").write_text(f"{pid} {process.process_identity(pid)}")
        self._wait()
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _create(self, account: ServerAccount) -> None:
        """Make the data folder under another name first: a creation cut short is not taken for a cluster."""
        program = binaries.find(account) / "initdb"
        unfinished = self.home / "data.new"
        self._run(account, ["rm", "-rf", unfinished])
        options = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"]
        self._run(account, [program, "-D", unfinished, *options])
        with (unfinished / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude 'tollbook.conf'\n")
        unfinished.rename(self.data)

    def _require_same_version(self, programs: Path) -> None:
        made_by, found = int((self.data / "PG_VERSION").read_text()), binaries.major(programs)
        if made_by != found:
            raise PostgresFailed(
                f"PostgreSQL {found} in {programs} cannot read {self.data}, which was made by PostgreSQL {made_by}. "
                f"Name the folder of {made_by} with TOLLBOOK_PG_BIN, or delete the data with `make clean`."
            )

    def _configure(self, account: ServerAccount) -> None:
        run = self.home / "run"
        run.mkdir(exist_ok=True)
        account.own(run, mode=0o700)
        settings = self.data / "tollbook.conf"
        settings.write_text(server_settings(socket_folder=run, shared_buffers=self.shared_buffers))
        account.own(settings, mode=0o600)

    def _forget_the_dead(self, account: ServerAccount) -> None:
        """Remove a dead server's notes if its number is another process's now: PostgreSQL would believe them."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
        if Path(f"/proc/{pid}").exists():
            for note in (self.data / "postmaster.pid", self.socket.with_name(f"{self.socket.name}.lock")):
                note.unlink(missing_ok=True)

    def _wait(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while not self.accepts_connections("postgres"):
            if time.monotonic() > give_up or self.pid() is None:
                raise PostgresFailed(f"PostgreSQL in {self.home} accepts no connections.\n{self._end_of_log()}")
            time.sleep(0.05)

    def _pg_ctl(self, account: ServerAccount, *arguments: str | Path) -> None:
        self._run(account, [binaries.find(account) / "pg_ctl", "-D", self.data, *arguments])

    def _run(self, account: ServerAccount, command: list[str | Path]) -> None:
        done = account.run(command, cwd=self.home, timeout=START_SECONDS + 30)
        if done.returncode != 0:
            raise PostgresFailed(f"{command[0]} failed:\n{done.stdout}{self._end_of_log()}")

    def _end_of_log(self) -> str:
        log = self.home / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""
