"""The progress of long work: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_SECONDS = 5.0
"""Minimum seconds between two plain lines."""

ReportProgress = Callable[[int], None]
"""Called with the amount done so far."""


class Output(Protocol):
    """The destination of lines: a stream, or a command's `self.stdout`."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def isatty(self) -> bool: ...


@contextmanager
def show_progress(title: str, total: int, *, out: Output) -> Iterator[ReportProgress]:
    """Show the progress of a piece of work, `title 1,000/28,219`, until the block ends."""
    if out.isatty():
        columns = (TextColumn("  {task.description:<11}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    reported_at = time.monotonic()

    def report_line(done: int) -> None:
        nonlocal reported_at
        if time.monotonic() - reported_at >= LINE_SECONDS:
            reported_at = time.monotonic()
            out.write(f"  {title:<11} {done:,}/{total:,}\n")
            out.flush()

    yield report_line
