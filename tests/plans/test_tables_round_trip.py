"""A table that is written and read again has the same cells, as CSV and as XLSX, and no cell is a formula."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.tabular_files import (
    FORMULA_PREFIXES,
    MAX_BYTES,
    MAX_PARTS,
    MAX_UNPACKED_BYTES,
    FileRefused,
    as_csv,
    as_xlsx,
    read_table,
)

COLUMNS = ("one", "two", "three")
KINDS = [("t.csv", as_csv), ("t.xlsx", as_xlsx)]
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    ["=1+1", "'", "'=x", "+", "-5", "@a", " a ", "a,b", 'say "so"', "a;b", "1e5", "0001", "_x000D_", "true"]
)
tables = st.lists(st.lists(texts, min_size=3, max_size=3), max_size=6)


@pytest.mark.parametrize(("name", "write"), KINDS)
@given(table=tables)
@settings(max_examples=60, deadline=None)
def test_with_random_contents(name, write, table):
    read = read_table(write(COLUMNS, table), name=name, columns=COLUMNS, needed=COLUMNS)
    assert [list(row.cells.values()) for row in read] == [row for row in table if any(row)]


@pytest.mark.parametrize(("name", "write"), KINDS)
def test_in_the_same_bytes_each_time(name, write):
    assert write(COLUMNS, [["a", "b", "c"]]) == write(COLUMNS, [["a", "b", "c"]])


@given(table=tables)
def test_without_a_formula(table):
    lines = as_csv(COLUMNS, table).decode("utf-8-sig").splitlines()
    assert not [line for line in lines if line.strip('"').startswith(FORMULA_PREFIXES[:-1])]


def read(content, name="t.csv", needed=("one",)):
    return read_table(content, name=name, columns=COLUMNS, needed=needed)


def test_cells_of_other_spreadsheets_are_read():
    (row,) = read(b"one;three\r\n 1 ;x\r\n\r\n;;\r\n")
    assert (row.number, dict(row.cells)) == (2, {"one": "1", "two": "", "three": "x"})


REFUSED = [
    (b"two,three\n1,2", "The column “one” is missing"),
    (b"one,four\n1,2", "“four” is not a column"),
    (b"one,one\n1,2", "have the same name"),
    (b"one,two\n1,2,3", "Row 2 has more cells"),
    (b"one\n\xff", "not CSV in UTF-8"),
    (b'one\n"a', "can't be read as CSV"),
    (b"x" * (MAX_BYTES + 1), "bytes"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_an_invalid_table_is_rejected(content, message):
    with pytest.raises(FileRefused, match=message):
        read(content)


def test_an_invalid_workbook_is_rejected():
    with pytest.raises(FileRefused, match="can't be read as a workbook"):
        read(b"PK\x03\x04 nothing", name="t.xlsx")


def test_a_workbook_that_unpacks_to_far_more_is_refused_unread():
    bomb, many = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"<" * (MAX_UNPACKED_BYTES + 1))
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(MAX_PARTS + 1):
            archive.writestr(f"{number}.xml", b"")

    assert len(bomb.getvalue()) < MAX_BYTES
    for content in (bomb.getvalue(), many.getvalue()):
        with pytest.raises(FileRefused, match="too large when it is unpacked"):
            read(content, "t.xlsx")
