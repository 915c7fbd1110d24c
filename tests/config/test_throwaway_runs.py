"""A test run leaves nothing behind, even if it is killed; concurrent runs don't affect each other."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.paths import PROJECT
from config.postgres.throwaway import cluster_in, run_folder

pytestmark = pytest.mark.slow

BEGIN_AND_HANG = """
import time
from config.postgres.throwaway import cluster_in, run_folder
with run_folder() as folder:
    cluster_in(folder).ensure_running()
    print(folder, flush=True)
    time.sleep(600)
"""


def test_a_killed_run_is_cleaned_up_by_the_next_one():
    killed = subprocess.Popen([sys.executable, "-c", BEGIN_AND_HANG], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert killed.stdout
    abandoned = cluster_in(PROJECT / killed.stdout.readline().strip())
    with run_folder():
        assert abandoned.accepts_connections(), "a run under way is left alone"
    killed.kill()
    killed.wait()
    assert abandoned.accepts_connections(), "nobody stopped its server"

    with run_folder():
        assert not abandoned.home.parent.exists()
        assert not abandoned.accepts_connections()


def test_a_run_removes_its_server_and_folder():
    with run_folder() as folder:
        cluster = cluster_in(folder)
        cluster.ensure_running()

    assert not folder.exists()
    assert not cluster.accepts_connections()


def test_runs_that_begin_and_end_at_once_do_not_disturb_each_other():
    def begin_and_end(_):
        with run_folder() as folder:
            return folder

    with ThreadPoolExecutor(8) as threads:
        folders = list(threads.map(begin_and_end, range(400)))

    assert len(set(folders)) == 400
    assert not [folder for folder in folders if folder.exists()]
