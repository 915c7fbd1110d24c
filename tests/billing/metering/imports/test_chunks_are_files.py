"""
A file split into chunks has the same rows, for any content of its cells, and splitting can resume where a chunk ends.
"""

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


def read_in_chunks(content, format_, most_rows):
    """Return the rows of all chunks, each split by a reader that knows only where the former one ended."""
    rows, place = [], BEGINNING
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(file_split, "MAX_ROWS", most_rows)
        while piece := next(split_file(io.BytesIO(content), format_, begin=place), None):
            assert piece.begin.rows == place.rows
            rows += [(number + place.rows, *rest) for number, *rest in read(piece.content, format_)]
            place = piece.end
    return rows


@given(TABLE, st.integers(1, 5), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_chunks_of_tables_have_the_same_rows(rows, most_rows, ending, mark):
    content = table(rows, ending=ending, mark=mark)
    assert read_in_chunks(content, "csv", most_rows) == read(content, "csv")


@pytest.mark.parametrize("most_rows", [1, 3, 4, 5, 100])
@pytest.mark.parametrize(("format_", "content"), [("jsonl", json_lines(11)), ("parquet", parquet(13))])
def test_chunks_of_lines_and_columns_have_the_same_rows(format_, content, most_rows):
    assert read(content, format_)
    assert read_in_chunks(content, format_, most_rows) == read(content, format_)


def test_the_size_of_a_chunk_is_limited_in_bytes_as_well(monkeypatch):
    monkeypatch.setattr(file_split, "MAX_BYTES", 30)
    chunks = list(split_file(io.BytesIO(table([["x" * 40, ""], ["", ""], ["", ""]])), "csv"))
    assert [chunk.end.rows for chunk in chunks] == [1, 3]


def test_an_unreadable_row_is_rejected_in_its_chunk(monkeypatch):
    monkeypatch.setattr(file_split, "MAX_ROWS", 2)
    broken = table([["x", ""]] * 4) + b'"' + b"x" * 200_000 + b'"\r\n'
    chunks = split_file(io.BytesIO(broken), "csv")
    assert [next(chunks).end.rows, next(chunks).end.rows] == [2, 4]
    with pytest.raises(ImportFileRefused, match="Row 6 can't be read"):
        next(chunks)
