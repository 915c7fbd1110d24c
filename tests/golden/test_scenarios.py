"""Subscriptions, over HTTP and on a test clock, are billed as in other systems, or differ by a written rule."""

import pytest

from tests.clean_books import clean_after_test
from tests.golden.cases import Case, to_run
from tests.golden.scenario_cases import figures

pytestmark = pytest.mark.slow

FAMILY = "scenarios"


clean_books = clean_after_test("subscriptions", "usage", "invoices", "payments", "wallets")


@pytest.mark.django_db
@pytest.mark.usefixtures("clean_books")
@pytest.mark.parametrize("case", to_run(FAMILY))
def test_scenario_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
