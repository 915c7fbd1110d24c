"""The counts of golden cases at the end of a run, from all processes."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

GOLDEN = "golden"
_PRINTED = pytest.StashKey[bool]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """
    Print "golden charges: N passed, M differing, K missing" for each family that ran.

    Two conftests offer this hook, because xdist's controller loads only those of the given paths.
    """
    counts = Counter(_outcomes(terminalreporter))
    if not counts or config.stash.get(_PRINTED, False):
        return
    config.stash[_PRINTED] = True
    for family in sorted({family for family, _ in counts}):
        figures = [f"{counts[family, outcome]} {outcome}" for outcome in ("passed", "differing", "missing")]
        if failed := counts[family, "failed"]:
            figures.append(f"{failed} failed")
        terminalreporter.write_line(f"golden {family}: {', '.join(figures)}")


def _outcomes(terminalreporter: Any) -> Iterator[tuple[str, str]]:
    """Yield (family, outcome) for each property that a golden test recorded; xdist carries them between processes."""
    for state in ("passed", "failed"):
        for report in terminalreporter.stats.get(state, []):
            for name, value in getattr(report, "user_properties", []):
                if name == GOLDEN and getattr(report, "when", "") == "call":
                    family, outcome = value
                    yield family, outcome if state == "passed" else "failed"
