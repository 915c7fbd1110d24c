"""A test run leaves nothing behind, even if it is killed; concurrent runs don't affect each other."""

import subprocess
import sys

from config.paths import PROJECT
from config.postgres.throwaway import cluster_in, run_folder

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
