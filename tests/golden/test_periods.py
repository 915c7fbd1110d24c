"""Periods start and end as in other systems, or differ by a documented rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.period_cases import LATER, RUNNERS, figures

FAMILY = "periods"


@pytest.mark.parametrize("case", to_run(FAMILY, LATER))
def test_period_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))


def test_every_kind_is_run_or_waits_for_something(count_later):
    count_later(FAMILY, LATER, set(RUNNERS))
