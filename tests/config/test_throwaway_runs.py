"""A test run leaves nothing behind, even when it was killed; runs at the same time leave one another alone."""

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


def test_is_swept_up_by_the_next_one_when_it_was_killed():
    killed = subprocess.Popen([sys.executable, "-c", BEGIN_AND_HANG], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert killed.stdout
    left = cluster_in(PROJECT / killed.stdout.readline().strip())
    with run_folder():
        assert left.accepts_connections(), "a run under way is left alone"
    killed.kill()
    killed.wait()
    assert left.accepts_connections(), "nobody stopped its server"

    with run_folder():
        assert not left.home.parent.exists()
        assert not left.accepts_connections()


def test_takes_its_server_and_folder_with_it():
    with run_folder() as folder:
        cluster = cluster_in(folder)
        cluster.ensure_running()

    assert not folder.exists()
    assert not cluster.accepts_connections()
