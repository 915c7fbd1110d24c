"""Counts and failures of closing."""

from dataclasses import dataclass, field
from typing import Self


class PeriodNotOver(Exception):
    """The period to close has not ended yet."""


@dataclass(frozen=True, slots=True)
class CloseFailure:
    """A period that could not be closed, and why; the rest of the run continued without it."""

    period_id: int
    error: str


@dataclass(slots=True)
class CloseSummary:
    """
    Counts of a run or of a part of it.

    issued: invoices. joined: periods on the consolidated invoice of another period.
    credited: credit notes for amounts now lower than billed.
    skipped: periods closed without an invoice because nothing was due.
    busy: periods locked by others for too long, left for the next run.
    late_left: late periods with a negative amount, left for a later invoice.
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
