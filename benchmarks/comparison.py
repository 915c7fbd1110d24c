"""
Measure two checkouts in turn: `python -m benchmarks.comparison OTHER [NAME...] [--turns N]`.

OTHER is a checkout of another release whose benchmarks are the same. Each run has a throwaway server of its own. The
table shows the median ratio of product to reference over all rounds of a benchmark, there and here, and how much
slower the product is here. Exit status 1 if something is slower by more than 5%.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import NAMES

TOLERANCE = 0.05
"""How much slower a benchmark may be; repeat one that exceeds it with more turns, since single runs vary by more."""


def measure(checkout: Path, name: str) -> list[dict[str, Any]]:
    """Run a benchmark of a checkout, and return its outcomes."""
    command = [sys.executable, "-m", "config.postgres", "run", sys.executable, "manage.py", "benchmark", name]
    completed = subprocess.run([*command, "--json"], cwd=checkout, stdout=subprocess.PIPE, check=True)
    outcomes: list[dict[str, Any]] = json.loads(completed.stdout)["outcomes"]
    return outcomes


def round_ratios(outcome: dict[str, Any]) -> list[float]:
    """Return product ÷ reference of each round."""
    rounds = zip(outcome["ours"]["rounds"], outcome["theirs"]["rounds"], strict=True)
    return [ours / theirs for ours, theirs in rounds]


def slowdown(there: float, here: float, *, more_is_better: bool) -> float:
    """Return how much slower `here` is, as a fraction; negative if it is faster."""
    return (there / here if more_is_better else here / there) - 1


def compare(other: Path, name: str, *, turns: int) -> bool:
    """Measure a benchmark in both checkouts, print a line for each outcome, and return whether none is slower."""
    ratios: dict[tuple[str, bool], list[float]] = {}
    more_is_better: dict[str, bool] = {}
    project = Path(__file__).resolve().parents[1]
    for turn in range(turns):
        # Each checkout is first in every other turn, so that a machine that slows down is unfair to neither.
        for is_here in (False, True) if turn % 2 == 0 else (True, False):
            for outcome in measure(project if is_here else other, name):
                ratios.setdefault((outcome["name"], is_here), []).extend(round_ratios(outcome))
                more_is_better[outcome["name"]] = outcome["goal"]["at_least"]
    slow = False
    for title, is_more_better in more_is_better.items():
        there, here = (median(ratios[title, is_here]) for is_here in (False, True))
        change = slowdown(there, here, more_is_better=is_more_better)
        slow |= change > TOLERANCE
        verdict = "slower" if change > TOLERANCE else "ok"
        print(f"{title:<60} {there:>9.3f} {here:>9.3f} {change:>+8.1%}  {verdict}", flush=True)
    return not slow


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all benchmarks unless named")
    parser.add_argument("--turns", type=int, default=2, help="runs of each benchmark in each checkout")
    arguments = parser.parse_args()
    print(f"{'ratio of product to reference':<60} {'there':>9} {'here':>9} {'time':>8}")
    results = [compare(arguments.other, name, turns=arguments.turns) for name in arguments.names or NAMES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
