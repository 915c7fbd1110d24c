"""One price applied to one quantity equals the charge of other systems, or differs by a written rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.pricing_cases import figures

FAMILY = "charges"


@pytest.mark.parametrize("case", to_run(FAMILY))
def test_charge_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
