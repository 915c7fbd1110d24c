"""Minimums, maximums and commitments equal the amounts of other systems, or differ by a written rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.commitment_cases import figures

FAMILY = "commitments"


@pytest.mark.parametrize("case", to_run(FAMILY))
def test_commitment_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
