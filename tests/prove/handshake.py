"""Learn that a process is in a window before it is killed there: see lib/failpoints.py."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from tests.prove.processes import until

STAYS_SECONDS = 30.0
"""How long a process sleeps in its window: far longer than it takes to kill it."""


def environment(folder: Path) -> dict[str, str]:
    """Return the environment variables with which processes take orders from this folder."""
    return {
        "TOLLBOOK_FAILPOINT_ORDER": str(folder / "order"),
        "TOLLBOOK_FAILPOINT_FILE": str(folder / "announcements"),
    }


@dataclass(frozen=True)
class Arrival:
    """A process that reached its place, the time (seconds since 1970), and how long it stays there."""

    pid: int
    at: float
    seconds: float

    @property
    def is_still_there(self) -> bool:
        return time.time() - self.at < self.seconds


class Handshake:
    """Orders for the processes of this campaign; at most one is active at a time."""

    def __init__(self) -> None:
        self._order = Path(os.environ["TOLLBOOK_FAILPOINT_ORDER"])
        self._announcements = Path(os.environ["TOLLBOOK_FAILPOINT_FILE"])
        self._announcements.touch()
        self._read, self._seconds = 0, STAYS_SECONDS

    def order(self, place: str, *, seconds: float = STAYS_SECONDS) -> None:
        """Make the next process that reaches this place announce itself and sleep there."""
        self._read = self._announcements.stat().st_size
        self._seconds = seconds
        unfinished = self._order.with_suffix(".new")
        unfinished.write_text(f"{place} {seconds}")
        unfinished.rename(self._order)

    def arrival(self, *, seconds: float) -> Arrival | None:
        """Wait for the process, and withdraw the order if none arrives within this many seconds."""
        if not until(self._announced, seconds=seconds, look=0.002):
            self._order.unlink(missing_ok=True)
            if not until(self._announced, seconds=0.2, look=0.002):  # a process may have accepted the order just now
                return None
        _, pid = self._announced().split()
        return Arrival(int(pid), self._announcements.stat().st_mtime, self._seconds)

    def _announced(self) -> str:
        with self._announcements.open() as announcements:
            announcements.seek(self._read)
            line = announcements.readline()
        return line if line.endswith("\n") else ""
