"""
Places where a test may kill the process.

The code under test says that it has reached a named place; nothing happens unless the environment names the very
same. Then the place is announced, and the process sleeps there to be killed: a fault that was not announced did not
land in its window, and proves nothing.
"""

import os
import time

_WANTED = os.environ.get("TOLLBOOK_FAILPOINT", "")


def reached(name: str) -> None:
    """
    Announce this place and sleep in it, if TOLLBOOK_FAILPOINT names it.

    TOLLBOOK_FAILPOINT_FILE: a file or pipe that one line, the name and the process id, is written to.
    TOLLBOOK_FAILPOINT_SECONDS: how long to sleep before going on as if nothing had been; 30 when absent.
    """
    if name != _WANTED:
        return
    with open(os.environ["TOLLBOOK_FAILPOINT_FILE"], "a") as announcements:
        announcements.write(f"{name} {os.getpid()}\n")
    time.sleep(float(os.environ.get("TOLLBOOK_FAILPOINT_SECONDS", "30")))
