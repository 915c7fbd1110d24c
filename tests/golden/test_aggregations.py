"""Events in a period have the quantity that other systems meter, or differ by a documented rule."""

import pytest

from tests.golden.aggregation_cases import LATER, RUNNERS, figures
from tests.golden.cases import Case, to_run

FAMILY = "aggregations"


@pytest.mark.django_db
@pytest.mark.parametrize("case", to_run(FAMILY, LATER))
def test_aggregation_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))


def test_every_kind_is_run_or_waits_for_something(count_later):
    count_later(FAMILY, LATER, set(RUNNERS))
