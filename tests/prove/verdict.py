"""The result of a campaign: the guarantees that it saw broken, and the summary."""

import sys
import threading
import time
from collections.abc import Sequence

MAX_SHOWN = 20


class Verdict:
    """Broken guarantees, from any thread, and the summary."""

    def __init__(self, title: str, *, seed: int) -> None:
        self.broken: list[str] = []
        self._lock = threading.Lock()
        self._began = time.monotonic()
        say(f"{title}, seed {seed}")

    def require(self, kept: bool, promise: str) -> bool:
        """Record the guarantee as broken unless it was kept; return whether it was kept."""
        if not kept:
            with self._lock:
                self.broken.append(promise)
            say(f"  VIOLATED: {promise}")
        return kept

    def conclude(self) -> int:
        """Print the broken guarantees, and return the exit status."""
        say(f"\n{time.monotonic() - self._began:,.0f} s in all.")
        if not self.broken:
            say("No guarantee was violated.")
            return 0
        say(f"{len(self.broken):,} VIOLATED:")
        for promise in self.broken[:MAX_SHOWN]:
            say(f"  {promise}")
        return 1


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headings: text left-aligned, numbers right-aligned."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    is_figure = [all(not isinstance(row[place], str) for row in rows) for place in range(len(heads))]
    for cells in [list(heads), *texts]:
        say(
            "  ".join(
                cell.rjust(width) if figure else cell.ljust(width)
                for cell, width, figure in zip(cells, widths, is_figure, strict=True)
            ).rstrip()
        )


def say(text: str) -> None:
    print(text, flush=True)
    sys.stdout.flush()
