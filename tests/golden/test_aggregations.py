"""Events in a period have the quantity that other systems meter, or differ by a written rule."""

import pytest

from tests.golden.aggregation_cases import figures
from tests.golden.cases import Case, to_run

FAMILY = "aggregations"


@pytest.mark.django_db
@pytest.mark.parametrize("case", to_run(FAMILY))
def test_aggregation_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
