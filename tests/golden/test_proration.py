"""Parts of a period come to what other systems charge and give back, or differ by a written rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.proration_cases import LATER, RUNNERS, figures

FAMILY = "proration"


@pytest.mark.django_db
@pytest.mark.parametrize("case", to_run(FAMILY, LATER))
def test_proration_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))


def test_every_kind_is_run_or_waits_for_something(count_later):
    count_later(FAMILY, LATER, set(RUNNERS))
