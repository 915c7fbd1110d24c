"""How long work shows itself: a bar on a terminal, plain lines everywhere else."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_SECONDS = 5.0
"""How often a plain line tells how far the work is."""

ReportProgress = Callable[[int], None]
"""Called with how much is done so far."""


class Output(Protocol):
    """Where lines go: a stream, or a command's `self.stdout`."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def isatty(self) -> bool: ...


@contextmanager
def show_progress(title: str, total: int, *, out: Output) -> Iterator[ReportProgress]:
    """Show how far a piece of work is, and how it ended: `title 1,000/28,219`."""
    if out.isatty():
        columns = (TextColumn("  {task.description:<11}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    told_at = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= LINE_SECONDS:
            told_at = time.monotonic()
            out.write(f"  {title:<11} {done:,}/{total:,}\n")
            out.flush()

    yield tell
