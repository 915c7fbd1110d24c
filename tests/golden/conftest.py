"""The fixture that records the outcome of a golden case, for the counts at the end of the run."""

from collections.abc import Callable

import pytest

from tests.golden.case_figures import Figures
from tests.golden.cases import Case, compare_case
from tests.golden.summary import GOLDEN, pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

Compare = Callable[[str, Case, Figures], None]


@pytest.fixture
def compare(record_property: Callable[[str, object], None]) -> Compare:
    """Compare a case with our figures, and record the outcome."""

    def record(name: str, case: Case, ours: Figures) -> None:
        outcome = "failed"
        try:
            outcome = compare_case(name, case, ours)
        finally:
            record_property(GOLDEN, [name, outcome])

    return record
