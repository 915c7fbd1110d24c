"""The documentation has the current counts of the golden cases' outcomes."""

from tests.golden.cases import HERE, family, load
from tests.golden.families import RUNNERS, outcome_table

DOCS = HERE.parents[1] / "docs" / "proof" / "golden.md"


def test_every_family_and_every_kind_has_a_runner():
    files = {name for name in load("checksums.json") if name.endswith(".json")}
    assert {f"{name}.json" for name in RUNNERS} == files
    kinds = {name: {case["kind"] for case in family(name)} for name in RUNNERS}
    assert kinds == {name: runner.RUNNERS.keys() for name, runner in RUNNERS.items()}


def test_the_tables_are_up_to_date():
    pages = [HERE / "README.md", DOCS]
    assert [page.name for page in pages if outcome_table() not in page.read_text(encoding="utf-8")] == []
