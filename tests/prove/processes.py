"""Web, worker and beat as production starts them, on the campaign's own PostgreSQL: killed, and restarted."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import psycopg

from config import processes
from config.paths import PROJECT
from config.postgres import Cluster, process
from config.postgres.cluster import APPLICATION, STAFF

NAMES = ("web", "worker", "beat")
READY_SECONDS = 90


def until(condition: Callable[[], object], *, seconds: float, look: float = 0.02) -> bool:
    """Return whether a condition became true within this many seconds."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(look)
    return True


class Deployment:
    """
    The processes of one deployment.

    port: on which web listens. died: names of processes that ended without being killed.
    """

    def __init__(self, cluster: Cluster) -> None:
        with socket.socket() as probe:
            probe.bind((processes.LOOPBACK, 0))
            self.port = probe.getsockname()[1]
        self.cluster = cluster
        self.died: list[str] = []
        self._commands = processes._commands(processes.LOOPBACK, self.port)
        self._log = (cluster.home.parent / "log").open("wb")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """
        Start those of these processes that don't run, all of them if none is named; web responds when this returns.
        """
        for name in names or NAMES:
            if name not in self._running:
                self._running[name] = subprocess.Popen(
                    [sys.executable, *self._commands[name]],
                    cwd=PROJECT,
                    env=self._environment(name),
                    stdout=self._log,
                    stderr=self._log,
                    start_new_session=True,
                )
        if "web" in self._running and not until(self._answers, seconds=READY_SECONDS, look=0.1):
            raise RuntimeError(f"web does not respond within {READY_SECONDS} s:\n{self.end_of_log()}")

    def _environment(self, name: str) -> dict[str, str]:
        """Return the environment with the login of the process; the campaign has that of the owner."""
        user = STAFF if name == "web" else APPLICATION
        return processes.environment_of(name) | {"DATABASE_URL": self.cluster.url(user=user)}

    def kill(self, name: str) -> None:
        """SIGKILL a process with all its children."""
        if running := self._running.pop(name, None):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()

    def revive(self) -> None:
        """Restart the processes that ended, PostgreSQL first."""
        self.cluster.ensure_running()
        for name, running in list(self._running.items()):
            if running.poll() is not None:
                self.died.append(name)
                self.kill(name)  # children that it left behind
        self.start()

    def stop(self) -> None:
        for name in NAMES:
            self.kill(name)
        self._log.close()

    def children(self, name: str) -> list[int]:
        """Return the process ids of the children: web's and worker's own workers."""
        return children(self._running[name].pid) if name in self._running else []

    def end_of_log(self) -> str:
        return Path(self._log.name).read_text(errors="replace")[-3000:]

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://{processes.LOOPBACK}:{self.port}/livez", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def children(pid: int) -> list[int]:
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def kill(pid: int) -> None:
    """SIGKILL a process, and return when it is dead."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    if not until(lambda: process.process_identity(pid) is None, seconds=10, look=0.002):
        raise RuntimeError(f"process {pid} outlived SIGKILL")


def kill_postgres(cluster: Cluster) -> None:
    """SIGKILL the server with all its backends, like a power failure; it is not restarted here."""
    if (postmaster := cluster.pid()) is None:
        return
    pids = [postmaster, *children(postmaster)]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        if not until(lambda pid=pid: process.process_identity(pid) is None, seconds=10):
            raise RuntimeError(f"PostgreSQL's process {pid} outlived SIGKILL")


def await_recovery(cluster: Cluster) -> None:
    """Return when PostgreSQL accepts connections again: after the death of one backend it stops all the others."""
    if not until(cluster.accepts_connections, seconds=60):
        raise RuntimeError("PostgreSQL does not restart")


def backends_at_work(cluster: Cluster) -> list[int]:
    """Return the backends in a transaction of the product, longest first."""
    with psycopg.connect(cluster.url()) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'tollbook' AND xact_start IS NOT NULL"
            " AND pid <> pg_backend_pid() ORDER BY xact_start"
        ).fetchall()
    return [pid for (pid,) in rows]
