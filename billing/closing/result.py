"""What a run of closing came to."""

from dataclasses import dataclass, field
from typing import Self


class PeriodNotOver(Exception):
    """A period is asked to be closed that ends later."""


@dataclass(frozen=True, slots=True)
class CloseFailure:
    """A period that could not be closed, and why; the rest of the run went on without it."""

    period_id: int
    error: str


@dataclass(slots=True)
class CloseSummary:
    """
    Counts of a run, or of a part of it.

    issued: invoices. joined: periods on the invoice of another one.
    credited: credit notes for what came to less than was billed.
    skipped: periods closed without one, since nothing was due.
    busy: periods that others held for too long, left for the next run.
    late_left: late periods that come to less than nothing, left for a later document.
    """

    issued: int = 0
    joined: int = 0
    credited: int = 0
    skipped: int = 0
    busy: int = 0
    late_billed: int = 0
    late_left: int = 0
    failed: list[CloseFailure] = field(default_factory=list)

    @property
    def closed(self) -> int:
        return self.issued + self.joined + self.skipped

    def add(self, other: Self) -> None:
        self.issued += other.issued
        self.joined += other.joined
        self.credited += other.credited
        self.skipped += other.skipped
        self.busy += other.busy
        self.late_billed += other.late_billed
        self.late_left += other.late_left
        self.failed += other.failed
