"""Subscriptions, over HTTP and on a test clock, are billed as in other systems, or differ by a documented rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.scenario_cases import LATER, RUN, figures, kind_of

pytestmark = pytest.mark.slow

FAMILY = "scenarios"


@pytest.mark.django_db
@pytest.mark.usefixtures("clean_books")
@pytest.mark.parametrize("case", to_run(FAMILY, LATER, kind_of))
def test_scenario_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))


def test_every_kind_is_run_or_waits_for_something(count_later):
    count_later(FAMILY, LATER, RUN, kind_of)
