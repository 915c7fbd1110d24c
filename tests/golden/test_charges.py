"""One price applied to one quantity equals the charge of other systems, or differs by a documented rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.pricing_cases import LATER, RUNNERS, figures

FAMILY = "charges"


@pytest.mark.parametrize("case", to_run(FAMILY, LATER))
def test_charge_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))


def test_every_model_is_run_or_waits_for_something(count_later):
    count_later(FAMILY, LATER, set(RUNNERS))
