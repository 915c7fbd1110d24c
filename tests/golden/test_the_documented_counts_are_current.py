"""The documentation has the current counts of the golden cases' outcomes."""

import pytest

from tests.golden.cases import HERE, load
from tests.golden.outcome_table import LATER, table

DOCS = HERE.parents[1] / "docs" / "proof" / "golden.md"


def test_every_family_is_counted():
    assert {f"{name}.json" for name in LATER} == {name for name in load("checksums.json") if name.endswith(".json")}


@pytest.mark.parametrize("page", [HERE / "README.md", DOCS])
def test_the_table_is_up_to_date(page):
    assert table() in page.read_text(encoding="utf-8"), table()
