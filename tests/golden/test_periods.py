"""Periods start and end as in other systems, or differ by a written rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.period_cases import figures

FAMILY = "periods"


@pytest.mark.parametrize("case", to_run(FAMILY))
def test_period_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
