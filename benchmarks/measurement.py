"""Measurement of two sides in turn, and the ratio between them."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    One comparison.

    ours, theirs: a figure per round. measured, against: descriptions of the two sides. ratios: ours ÷ theirs per
        round. goal: the bound of the median ratio: a minimum if more is better, a maximum otherwise.
    """

    name: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    measured: str
    against: str
    goal: float
    more_is_better: bool

    @property
    def ratios(self) -> list[float]:
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def is_reached(self) -> bool:
        return self.ratio >= self.goal if self.more_is_better else self.ratio <= self.goal

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": {"what": self.measured, "rounds": list(self.ours), "median": median(self.ours)},
            "theirs": {"what": self.against, "rounds": list(self.theirs), "median": median(self.theirs)},
            "ratio": {"median": self.ratio, "low": min(self.ratios), "high": max(self.ratios)},
            "goal": {"bound": self.goal, "at_least": self.more_is_better, "reached": self.is_reached},
        }

    def as_text(self) -> str:
        sign = "≥" if self.more_is_better else "≤"
        return (
            f"{self.name}: {self.ratio:.3f} ({min(self.ratios):.3f} to {max(self.ratios):.3f}),"
            f" goal {sign} {self.goal} {'reached' if self.is_reached else 'NOT reached'}\n"
            f"  {self.measured}: {median(self.ours):,.1f} {self.unit}\n"
            f"  {self.against}: {median(self.theirs):,.1f} {self.unit}"
        )


def compare(
    ours: Callable[[], float],
    theirs: Callable[[], float],
    *,
    rounds: int,
    report: Report,
    **facts: Any,
) -> Outcome:
    """
    Measure both sides in turn, each first in every other round, after a warm-up round.

    A single round, used if the preparation takes an hour, has no warm-up.
    """
    figures: tuple[list[float], list[float]] = ([], [])
    if rounds > 1:
        ours(), theirs()
    for number in range(rounds):
        sides = [(0, ours), (1, theirs)]
        for side, measure in sides if number % 2 == 0 else reversed(sides):
            figures[side].append(measure())
        report(
            f"{facts['name']}: round {number + 1} of {rounds}: {figures[0][-1]:,.1f} against {figures[1][-1]:,.1f}"
        )
    return Outcome(ours=tuple(figures[0]), theirs=tuple(figures[1]), **facts)
