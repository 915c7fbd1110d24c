"""Parts of a period are charged and credited as in other systems, or differ by a written rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.proration_cases import figures

FAMILY = "proration"


@pytest.mark.django_db
@pytest.mark.parametrize("case", to_run(FAMILY))
def test_proration_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
