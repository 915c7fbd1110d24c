"""Web, worker and beat run as one command: they serve, stop together, and leave no process behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import processes
from config.paths import PROJECT

SERVE = """
import sys
from config.processes import serve
sys.exit(serve(host="127.0.0.1", port=int(sys.argv[1]), ready=lambda: print("ready", flush=True)))
"""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def serving(port: int, transactional_db: None) -> Iterator[subprocess.Popen[str]]:
    """Serve from the test's own database; wait until the web process responds."""
    command = [sys.executable, "-c", SERVE, str(port)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline().strip() == "ready"
    yield process
    process.kill()
    process.communicate()


def children(pid: int) -> list[int]:
    """Return the process ids of all descendants."""
    child_pids = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return child_pids + [below for child in child_pids for below in children(child)]


def all_ended(pids: list[int]) -> bool:
    give_up = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


def test_stop_cleanly_when_asked(serving: subprocess.Popen[str], port: int):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
        assert answer.status == 200
    below = children(serving.pid)
    assert len(below) >= 3

    serving.send_signal(signal.SIGINT)

    assert serving.wait(timeout=30) == 0
    assert all_ended(below)


def command_of(pid: int) -> bytes:
    """Return a process's command line, or no bytes if it has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def test_stop_all_when_one_dies_and_name_it(serving: subprocess.Popen[str]):
    below = children(serving.pid)
    worker = next(pid for pid in below if b"--concurrency" in command_of(pid))

    os.kill(worker, signal.SIGKILL)

    assert serving.wait(timeout=30) == 1
    assert serving.stderr
    assert f"worker (process {worker}) ended by SIGKILL" in serving.stderr.read()
    assert all_ended(below)


def test_leave_no_process_behind_when_their_parent_is_killed(serving: subprocess.Popen[str]):
    below = children(serving.pid)

    serving.kill()

    assert all_ended(below)


def test_report_a_port_that_is_in_use(port: int):
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", port))
        occupied.listen()
        with pytest.raises(processes.PortTaken, match=f"127.0.0.1:{port}"):
            processes.serve(host="127.0.0.1", port=port)
