"""
Rows of CSV, JSON Lines and Parquet become the events a client would send: exact numbers, own or derived ids, errors.
"""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from billing.metering.imports import ImportFileRefused, build_row_mapping, detect_format, read_rows
from billing.metering.imports.row_conversion import RowRefused

D = Decimal


def events(content, format_="csv", **options):
    columns, rows = read_rows(io.BytesIO(content if isinstance(content, bytes) else content.encode()), format_)
    shape, parsed = build_row_mapping(columns, **options), []
    for row in rows:
        try:
            parsed.append(json.loads(shape.to_event(row), parse_float=D))
        except RowRefused as error:
            parsed.append((row.number, error.field, str(error)))
    return parsed


def parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


HEAD = "id,customer,event,"
PLAIN = {"id": "1", "customer": "acme", "event": "calls"}

CELLS = [
    # column                    cell                    as JSON                             why
    ("properties.n",            "12",                   {"properties": {"n": 12}},          "numbers are numbers"),
    ("properties.n",            "0.10",                 {"properties": {"n": D("0.10")}},   "to the last digit"),
    ("properties.n",            "-1.5e3",               {"properties": {"n": D("-1.5e3")}}, "as JSON writes them"),
    ("properties.n",            "007",                  {"properties": {"n": "007"}},       "other text is text"),
    ("properties.n",            "1,5",                  {"properties": {"n": "1,5"}},       "and no number"),
    ("properties.n",            "true",                 {"properties": {"n": True}},        "true is true"),
    ("properties.n",            "",                     {},                                 "nothing is nothing"),
    ("properties.a.b",          "x",                    {"properties": {"a": {"b": "x"}}},  "dots lead into objects"),
    ("properties",              '{"a": [1.50]}',        {"properties": {"a": [D("1.50")]}}, "a column of JSON"),
    ("timestamp",               "2026-01-05T10:00:00Z", {"timestamp": "2026-01-05T10:00:00Z"}, "as it stands"),
    ("subscription",            "12",                   {"subscription": "12"},             "names stay text"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "cell", "part", "why"), CELLS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_cell_is_read_exactly(column, cell, part, why, delimiter):
    quoted = '"' + cell.replace('"', '""') + '"'
    text = f"\ufeff{HEAD}{column}\r\n1,acme,calls,{quoted}\r\n"
    if "," not in cell and '"' not in cell:
        text = text.replace(",", delimiter)
    assert events(text) == [PLAIN | part], why


def test_an_event_with_a_source_is_a_cloud_event():
    text = "id,source,customer,event,timestamp,properties.n\n1,eu,acme,calls,2026-01-05T10:00:00Z,5\n"
    assert events(text) == [
        {
            "specversion": "1.0", "id": "1", "source": "eu", "subject": "acme", "type": "calls",
            "time": "2026-01-05T10:00:00Z", "data": {"n": 5},
        }
    ]  # fmt: skip


def test_columns_are_mapped_or_left_out():
    names = {"account": "customer", "what": "event", "tokens": "properties.usage.tokens", "note": "-"}
    assert events("id,account,what,tokens,note\n1,acme,calls,7,x\n", names=names) == [
        PLAIN | {"properties": {"usage": {"tokens": 7}}}
    ]


def test_a_derived_id_is_the_same_for_the_same_contents():
    text = "customer,event,properties.n\nacme,calls,1\nacme,calls,1\nacme,calls,2\nacme,,3\n"
    first, repeated, other, empty = events(text, id_from=["customer", "event", "properties.n"])
    assert first == repeated
    assert first["id"] != other["id"]
    assert empty == (5, "id", "can't be derived: one of customer, event, properties.n is empty")


def test_invalid_rows_are_rejected_one_by_one():
    text = HEAD + "properties\n1,acme,calls\n,acme,calls,{}\n2,acme,calls,[1]\n\n3,acme,calls,{}\n"
    parsed = events(text)
    assert parsed[0] == (2, "row", "has 3 cells, but the header has 4")
    assert parsed[1][:2] == (3, "id")
    assert parsed[2][:2] == (4, "properties")
    assert parsed[3]["id"] == "3"


def test_json_lines_are_imported_unchanged():
    lines = [json.dumps(PLAIN), "", "[1]", "{", '{"id": "2", "properties": {"n": 0.10}}']
    parsed = events("\n".join(lines), "jsonl")
    assert parsed[0] == PLAIN
    assert [(row, field) for row, field, _ in parsed[1:3]] == [(3, "row"), (4, "row")]
    assert parsed[3] == {"id": "2", "properties": {"n": D("0.10")}}


def test_json_lines_may_be_mapped_as_well():
    line = '{"uid": "1", "customer": "acme", "event": "calls", "n": 0.10}'
    assert events(line, "jsonl", names={"uid": "id", "n": "properties.n"}) == [
        PLAIN | {"properties": {"n": D("0.10")}}
    ]


def test_parquet_keeps_decimals_and_counts_doubles():
    content = parquet(
        id=pa.array([1, 2]),
        customer=["acme", "acme"],
        event=["calls", "calls"],
        timestamp=pa.array([datetime(2026, 1, 5, 10, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC")),
        properties=[
            {"price": D("0.10"), "ratio": 0.1, "tags": ["a"]},
            {"price": None, "ratio": float("nan"), "tags": []},
        ],
    )
    columns, rows = read_rows(io.BytesIO(content), "parquet")
    shape = build_row_mapping(columns)
    first, second = rows
    assert json.loads(shape.to_event(first), parse_float=D) == PLAIN | {
        "timestamp": "2026-01-05T10:00:00+00:00",
        "properties": {"price": D("0.10"), "ratio": D("0.1"), "tags": ["a"]},
    }
    assert shape.floats == 1
    with pytest.raises(RowRefused, match="nan is not a number"):
        shape.to_event(second)


WRONG = [
    # file                                  options                      message
    (b"",                                   {},                          "first row is empty"),
    (b"id,customer,event,tokens\n",         {},                          "Rename it to properties.tokens"),
    (b"id,customer\n",                      {},                          "No column is mapped to the field “event”"),
    (b"customer,event\n",                   {},                          "derive IDs from columns"),
    (b"id,customer,event,id\n",             {},                          "Two columns have the same name"),
    (b"id,customer,event,x\n",              {"names": {"x": "id"}},      "Two columns are mapped to “id”"),
    (b"id,customer,event,x\n",              {"names": {"x": "tokens"}},  "is not a field of an event"),
    (b"id,customer,event\n",                {"names": {"y": "id"}},      "has no column “y”"),
    (b"id,customer,event\n",                {"id_from": ["y"]},          "has no column “y”"),
    ("id,customer,event\n1,ä,b\n".encode("latin-1"), {},                 "not UTF-8"),
    ("id,customer,event\n1,ä,b\n".encode("utf-16"), {},                  "not UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "options", "message"), WRONG)
def test_an_unreadable_file_is_rejected_with_a_remedy(content, options, message):
    with pytest.raises(ImportFileRefused, match=message):
        events(content, **options)


def test_a_file_that_is_not_parquet_is_rejected():
    with pytest.raises(ImportFileRefused, match="not a readable Parquet file"):
        events(b"id,customer", "parquet")


@pytest.mark.parametrize(("name", "format_"), [("a.CSV", "csv"), ("b.ndjson", "jsonl"), ("c.x.parquet", "parquet")])
def test_a_file_name_determines_its_format(name, format_):
    assert detect_format(name) == format_


def test_a_file_name_without_a_known_ending_is_rejected():
    with pytest.raises(ImportFileRefused, match="choose one of csv, jsonl, parquet"):
        detect_format("usage.xlsx")
