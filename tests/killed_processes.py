"""Processes that are killed at a failpoint of the product: lib/failpoints.py."""

import os
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from django.db import connections

from lib import failpoints


def kill_at(place: str, work: Callable[[], object], folder: Path) -> None:
    """
    Do the work in a process of its own, and kill it when it reports that it reached `place`.

    folder: where it reports. The process is a fork of this one, since a new one imports the product for seconds.
    """
    report = folder / f"report-{place}"
    report.touch()
    connections.close_all()  # two processes can't use one connection
    process = get_context("fork").Process(target=_work, args=(place, work, report))
    process.start()
    try:
        while process.is_alive() and not report.read_text().endswith("\n"):
            time.sleep(0.01)
        assert report.read_text().split() == [place, str(process.pid)]
    finally:
        process.kill()
        process.join()
    assert process.exitcode == -signal.SIGKILL


def _work(place: str, work: Callable[[], object], report: Path) -> None:
    failpoints._WANTED = place
    os.environ["TOLLBOOK_FAILPOINT_FILE"] = str(report)
    work()
