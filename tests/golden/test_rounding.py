"""Amounts are rounded and split as in other systems, or differ by a written rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.rounding_cases import figures

FAMILY = "rounding"


@pytest.mark.parametrize("case", to_run(FAMILY))
def test_rounding_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
