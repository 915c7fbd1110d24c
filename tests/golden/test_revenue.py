"""Revenue is earned and posted as in other systems and as worked out for Tollbook, or differs by a written rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.revenue_cases import figures

FAMILY = "revenue"


@pytest.mark.django_db
@pytest.mark.parametrize("case", to_run(FAMILY))
def test_revenue_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
