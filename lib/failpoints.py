"""
Places where a test may kill the process.

The code under test says that it has reached a named place; nothing happens unless the environment names the very
same. Then the place is announced, and the process sleeps there to be killed: a fault that was not announced did not
land in its window, and proves nothing.
"""

import os
import time
from pathlib import Path

_WANTED = os.environ.get("TOLLBOOK_FAILPOINT", "")
_ORDER = os.environ.get("TOLLBOOK_FAILPOINT_ORDER", "")
_SECONDS = float(os.environ.get("TOLLBOOK_FAILPOINT_SECONDS", "30"))


def hit_failpoint(name: str) -> None:
    """
    Announce this place and sleep in it, if TOLLBOOK_FAILPOINT names it.

    TOLLBOOK_FAILPOINT_FILE: a file or pipe that one line, the name and the process id, is written to.
    TOLLBOOK_FAILPOINT_SECONDS: how long to sleep before going on as if nothing had been; 30 when absent.
    TOLLBOOK_FAILPOINT_ORDER: a file that names the place and the seconds instead, for processes that outlive many
    faults: it may be there at any time, and whoever comes to its place first takes it away.
    """
    if name == _WANTED:
        seconds = _SECONDS
    elif _ORDER:
        seconds = _taken(name)
    else:
        return
    if seconds:
        with open(os.environ["TOLLBOOK_FAILPOINT_FILE"], "a") as announcements:
            announcements.write(f"{name} {os.getpid()}\n")
        time.sleep(seconds)


def _taken(name: str) -> float:
    """Return how long to sleep by the order for this place, which is ours alone now; 0 if there is none."""
    order = Path(_ORDER)
    try:
        place, seconds = order.read_text().split()
        if place != name:
            return 0
        order.unlink()
    except FileNotFoundError:
        return 0
    return float(seconds)
