"""The bundled PostgreSQL restarts after an unclean shutdown, and mistakes no other process for its own."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import psycopg
import pytest

from config.postgres import process
from config.postgres.account import server_account
from config.postgres.cluster import Cluster
from config.postgres.throwaway import cluster_in, run_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with run_folder() as folder:
        cluster = cluster_in(folder)
        cluster.ensure_running()
        yield cluster


def kill(cluster: Cluster) -> int:
    """Kill the server as a power failure would, wait until it has ended, and return its process id."""
    pid = cluster.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    give_up = time.monotonic() + 10
    while process.process_identity(pid) is not None:
        assert time.monotonic() < give_up, "the server outlived SIGKILL"
        time.sleep(0.01)
    return pid


def test_restarts_with_all_committed_rows(cluster: Cluster):
    with psycopg.connect(cluster.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    kill(cluster)

    assert cluster.pid() is None
    cluster.ensure_running()

    with psycopg.connect(cluster.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_does_not_mistake_another_process_with_its_number_for_its_own(cluster: Cluster):
    dead = kill(cluster)
    account = server_account(cluster.home)
    # A process of the server's own user: PostgreSQL itself would take it for a running predecessor.
    same_user = {} if account.uid == os.geteuid() else {"user": account.uid, "group": account.gid}
    other = subprocess.Popen(["sleep", "60"], cwd="/", **same_user)
    try:
        for note in (cluster.data / "postmaster.pid", cluster.home / "run" / ".s.PGSQL.5432.lock"):
            note.write_text(note.read_text().replace(str(dead), str(other.pid), 1))

        assert cluster.pid() is None
        cluster.ensure_running()
        assert cluster.pid() not in (None, other.pid)
    finally:
        other.kill()
        other.wait()


def test_restarts_when_its_socket_was_deleted(cluster: Cluster):
    before = cluster.pid()
    cluster.socket.unlink()

    assert not cluster.is_up()
    cluster.ensure_running()

    assert cluster.is_up()
    assert cluster.pid() != before


def test_starts_over_when_its_creation_was_interrupted():
    with run_folder() as folder:
        cluster = cluster_in(folder)
        (cluster.home / "data.new" / "base").mkdir(parents=True)
        account = server_account(folder / "nobody has made this yet")
        for created_folder in (cluster.home, cluster.home / "data.new", cluster.home / "data.new" / "base"):
            account.own(created_folder, mode=0o700)

        cluster.ensure_running()

        assert cluster.accepts_connections()


def test_does_not_mistake_a_dead_process_for_a_live_one():
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended and is not reaped

    assert process.process_identity(child.pid) is None
    child.wait()


def test_tells_two_processes_apart_by_when_they_started():
    assert process.process_identity(os.getpid()) == process.process_identity(os.getpid())
    assert process.process_identity(os.getpid()) != process.process_identity(1)
