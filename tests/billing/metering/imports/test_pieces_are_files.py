"""A file in pieces is the same rows, whatever stands in its cells, and cutting may begin anew where a piece ends."""

import csv
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering.imports import ImportFileRefused, file_split, read_rows
from billing.metering.imports.file_split import BEGINNING, split_file

CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
TABLE = st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=12)


def table(rows, *, ending="\r\n", mark=""):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerows([["ä", "b"], *rows])
    return (mark + text.getvalue()).encode()


def json_lines(count):
    return b"".join(b'{"n": %d}\n%b' % (n, b"\n" if n % 3 else b"") for n in range(count))


def parquet(count):
    file = io.BytesIO()
    pq.write_table(pa.table({"n": range(count), "text": ["x"] * count}), file, row_group_size=5)
    return file.getvalue()


def read(content, format_):
    return [(row.number, row.cells, row.flaw) for row in read_rows(io.BytesIO(content), format_)[1]]


def read_in_pieces(content, format_, most_rows):
    """Return the rows of all pieces, each cut by somebody who knows only where the one before it ended."""
    found, place = [], BEGINNING
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(file_split, "MOST_ROWS", most_rows)
        while piece := next(split_file(io.BytesIO(content), format_, begin=place), None):
            assert piece.begin.rows == place.rows
            found += [(number + place.rows, *rest) for number, *rest in read(piece.content, format_)]
            place = piece.end
    return found


@given(TABLE, st.integers(1, 5), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_of_tables(rows, most_rows, ending, mark):
    content = table(rows, ending=ending, mark=mark)
    assert read_in_pieces(content, "csv", most_rows) == read(content, "csv")


@pytest.mark.parametrize("most_rows", [1, 3, 4, 5, 100])
@pytest.mark.parametrize(("format_", "content"), [("jsonl", json_lines(11)), ("parquet", parquet(13))])
def test_of_lines_and_columns(format_, content, most_rows):
    assert read(content, format_)
    assert read_in_pieces(content, format_, most_rows) == read(content, format_)


def test_a_piece_is_full_by_its_bytes_as_well(monkeypatch):
    monkeypatch.setattr(file_split, "MOST_BYTES", 30)
    found = list(split_file(io.BytesIO(table([["x" * 40, ""], ["", ""], ["", ""]])), "csv"))
    assert [one.end.rows for one in found] == [1, 3]


def test_what_cannot_be_read_is_refused_where_it_stands(monkeypatch):
    monkeypatch.setattr(file_split, "MOST_ROWS", 2)
    broken = table([["x", ""]] * 4) + b'"' + b"x" * 200_000 + b'"\r\n'
    found = split_file(io.BytesIO(broken), "csv")
    assert [next(found).end.rows, next(found).end.rows] == [2, 4]
    with pytest.raises(ImportFileRefused, match="Row 6 cannot be read"):
        next(found)
