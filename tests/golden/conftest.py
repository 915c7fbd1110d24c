"""Fixtures that record the outcome of a golden case, for the counts at the end of the run."""

from collections.abc import Callable

import pytest

from tests.golden.cases import Case, Figures, KindOf, compare_case, family, model_or_kind
from tests.golden.summary import GOLDEN, pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

Compare = Callable[[str, Case, Figures], None]
CountLater = Callable[..., None]


@pytest.fixture
def compare(record_property: Callable[[str, object], None]) -> Compare:
    """Compare a case with our figures, and record the outcome."""

    def record(name: str, case: Case, ours: Figures) -> None:
        outcome = "failed"
        try:
            outcome = compare_case(case, ours)
        finally:
            record_property(GOLDEN, [name, outcome, 1])

    return record


@pytest.fixture
def count_later(record_property: Callable[[str, object], None]) -> CountLater:
    """
    Check that every kind of a family is either run or waits for something named, and record how many cases wait.
    """

    def count(name: str, later: dict[str, str], run: set[str], kind_of: KindOf = model_or_kind) -> None:
        kinds = [case["kind"] for case in family(name, kind_of)]
        assert set(kinds) == later.keys() | run
        assert not later.keys() & run
        assert all(later.values())
        record_property(GOLDEN, [name, "later", sum(kind in later for kind in kinds)])

    return count
