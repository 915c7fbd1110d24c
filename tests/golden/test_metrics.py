"""Metrics are as in other systems and as worked out for Tollbook, or differ by a written rule."""

import pytest

from tests.golden.cases import Case, to_run
from tests.golden.metrics_cases import figures

FAMILY = "metrics"


@pytest.mark.parametrize("case", to_run(FAMILY))
def test_metric_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
