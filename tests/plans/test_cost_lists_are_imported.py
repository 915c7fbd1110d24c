"""Unit costs are imported from a table as exported: all rows or none, and each invalid cell is named."""

import pytest

from lib.tabular_files import as_csv, read_table
from plans.costs.cost_lists import COLUMNS, REQUIRED_COLUMNS, RowsRefused, cost_rows, import_costs
from plans.models import UnitCost
from tests.builders import FEB, JAN, MAR, make_cost, make_meter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tokens():
    return make_meter("tokens", dimensions=["model"])


def listed(*lines):
    content = "\n".join([",".join(COLUMNS), *lines]).encode()
    return read_table(content, name="costs.csv", columns=COLUMNS, needed=REQUIRED_COLUMNS)


def import_lines(*lines, dry_run=False):
    return [import_cost.outcome for import_cost in import_costs(listed(*lines), by=None, at=FEB, dry_run=dry_run)]


def stored():
    return cost_rows(UnitCost.objects.select_related("meter").order_by("pk"))


GPT = "tokens,model: gpt-4o,USD,0.0000025,2026-01-01,,list price"


def test_row_by_row():
    assert import_lines(GPT, "tokens,,usd,0.000005,2026-02-01T12:00:00+01:00,2026-03-01,") == ["new", "new"]
    assert stored() == [
        ["tokens", "model: gpt-4o", "USD", "0.0000025", "2026-01-01T00:00:00Z", "", "list price"],
        ["tokens", "", "USD", "0.000005", "2026-02-01T11:00:00Z", "2026-03-01T00:00:00Z", ""],
    ]


def test_a_dry_run_lists_the_changes_and_stores_nothing():
    assert import_lines(GPT, dry_run=True) == ["new"]
    assert stored() == []


def test_existing_costs_are_kept_and_corrections_are_listed():
    import_lines(GPT)
    assert import_lines(GPT, GPT.replace("01-01", "02-01")) == ["same", "new"]
    assert import_lines(GPT.replace("25,", "3,").replace(",,list", ",2026-02-01,list")) == ["changed"]


def test_an_exported_list_is_imported_without_a_difference(tokens):
    make_cost(tokens, "0.000000000001", match={"model": "a, b: =c"}, note="=HYPERLINK(1)")
    make_cost(tokens, 7, since=FEB, valid_to=MAR, currency="EUR")
    exported = stored()
    UnitCost.objects.all().delete()
    content = as_csv(COLUMNS, exported)
    import_costs(read_table(content, name="c.csv", columns=COLUMNS, needed=REQUIRED_COLUMNS), by=None, at=JAN)
    assert stored() == exported


WRONG = [
    ("words,,USD,1,2026-01-01,,", "meter", "No meter has the code “words”"),
    ("tokens,gpt-4o,USD,1,2026-01-01,,", "match", "is incomplete"),
    ("tokens,modle: a,USD,1,2026-01-01,,", "", "no dimension “modle”"),
    ("tokens,,XYZ,1,2026-01-01,,", "currency", "XYZ"),
    ("tokens,,USD,1e-13,2026-01-01,,", "cost", "more than 12 decimal places"),
    ("tokens,,USD,-1,2026-01-01,,", "cost", "not a number of zero or more"),
    ('tokens,,USD,"1,000",2026-01-01,,', "cost", "is not a number"),
    ("tokens,,USD,1,31.01.2026,,", "valid_from", "is not a date"),
    ("tokens,,USD,1,2026-01-01,2026-01-01,", "", "The end must be after the start"),
    (f"tokens,,USD,1,2026-01-01,,{'x' * 201}", "note", "200 characters"),
]


@pytest.mark.parametrize(("line", "column", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_a_wrong_cell_is_named_and_nothing_is_stored(line, column, message):
    with pytest.raises(RowsRefused) as refusal:
        import_lines(GPT, line)
    (problem,) = refusal.value.problems
    assert (problem.row, problem.column) == (3, column)
    assert message in problem.text
    assert stored() == []
