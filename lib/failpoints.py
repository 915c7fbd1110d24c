"""
Points at which a test may kill the process.

The code under test calls `hit_failpoint` with the name of a point; nothing happens unless the environment selects
that name. Then the point is announced and the process sleeps, so that it can be killed: a fault that was not
announced did not hit its window, and proves nothing.
"""

import os
import time
from pathlib import Path

_WANTED = os.environ.get("TOLLBOOK_FAILPOINT", "")
_ORDER = os.environ.get("TOLLBOOK_FAILPOINT_ORDER", "")
# How long a process stays at a failpoint, so that a test can kill it there.
_SECONDS = float(os.environ.get("TOLLBOOK_FAILPOINT_SECONDS", "30"))


def hit_failpoint(name: str) -> None:
    """
    Announce this point and sleep, if TOLLBOOK_FAILPOINT names it.

    TOLLBOOK_FAILPOINT_FILE: a file or pipe that receives one line, the name and the process id.
    TOLLBOOK_FAILPOINT_SECONDS: how long to sleep before continuing normally; 30 by default. TOLLBOOK_FAILPOINT_ORDER:
    a file with the name and the seconds instead, for processes that outlive many faults: it may appear at any time,
    and the first process to reach the point deletes it.
    """
    if name == _WANTED:
        seconds = _SECONDS
    elif _ORDER:
        seconds = _take_order(name)
    else:
        return
    if seconds:
        with open(os.environ["TOLLBOOK_FAILPOINT_FILE"], "a") as announcements:
            announcements.write(f"{name} {os.getpid()}\n")
        time.sleep(seconds)


def _take_order(name: str) -> float:
    """Delete the order for this point and return its seconds; 0 if there is none."""
    order = Path(_ORDER)
    try:
        place, seconds = order.read_text().split()
        if place != name:
            return 0
        order.unlink()
    except FileNotFoundError:
        return 0
    return float(seconds)
