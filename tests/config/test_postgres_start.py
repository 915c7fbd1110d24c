"""The bundled PostgreSQL starts once for all processes, and is as durable as production's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.paths import PROJECT
from config.postgres.cluster import Cluster, socket_path_fits
from config.postgres.throwaway import cluster_in, run_folder

ASK = """
import sys
from pathlib import Path
from config.postgres.throwaway import cluster_in
cluster_in(Path(sys.argv[1])).ensure_running()
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with run_folder() as folder:
        yield folder


@pytest.fixture
def cluster(folder: Path) -> Cluster:
    cluster = cluster_in(folder)
    cluster.ensure_running()
    return cluster


def test_starts_one_server_for_concurrent_processes(folder: Path):
    command = [sys.executable, "-c", ASK, str(folder)]
    processes = [subprocess.Popen(command, cwd=PROJECT) for _ in range(6)]

    assert [started.wait(timeout=120) for started in processes] == [0] * 6
    log = (folder / "postgres" / "log").read_text()
    assert log.count("database system is ready") <= 1, log


def test_keeps_every_acknowledged_commit(cluster: Cluster):
    with psycopg.connect(cluster.url()) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')"
        )
        assert dict(rows.fetchall()) == {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def test_listens_to_no_network(cluster: Cluster):
    with psycopg.connect(cluster.url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_refuses_other_users(cluster: Cluster):
    assert cluster.home.stat().st_mode & 0o077 == 0, "the connection has no password, so the folder is its door"


def test_never_runs_as_root(cluster: Cluster):
    assert os.stat(f"/proc/{cluster.pid()}").st_uid != 0


def test_a_second_start_does_nothing(cluster: Cluster):
    before = cluster.pid()

    cluster.ensure_running()

    assert cluster.pid() == before


@pytest.mark.parametrize(("length", "fits"), [(60, True), (74, True), (120, False)])
def test_detects_a_socket_path_that_is_too_long(length: int, fits: bool):
    assert socket_path_fits(Path("/" + "d" * (length - 1))) is fits
