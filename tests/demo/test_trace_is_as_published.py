"""The trace is complete: its totals are those of its ATTRIBUTION.md."""

import csv

import pytest

from demo.trace import DATA, rows

FILES = [
    # file    requests  input        output
    ("code", 8_819, 18_059_974, 245_896),
    ("conv", 19_366, 22_361_870, 4_088_665),
]


@pytest.mark.parametrize(("name", "requests", "prompt", "completion"), FILES)
def test_has_every_request_and_token(name, requests, prompt, completion):
    rows_ = list(rows(f"AzureLLMInferenceTrace_{name}.csv"))
    assert len(rows_) == requests
    assert sum(int(row["ContextTokens"]) for row in rows_) == prompt
    assert sum(int(row["GeneratedTokens"]) for row in rows_) == completion


def test_maps_every_request_to_a_customer_with_a_plan():
    customers = {row["external_id"]: row["plan"] for row in rows("customers.csv")}
    mapped = list(rows("mapping.csv"))
    assert len({row["request"] for row in mapped}) == len(mapped) == 28_185
    assert all(customers[row["customer"]] for row in mapped)
    assert len({row["customer"] for row in mapped}) >= 25


def test_is_attributed_to_its_authors():
    text = (DATA / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert all(word in text for word in ("Azure/AzurePublicDataset", "CC-BY", "Splitwise", "ISCA 2024"))


def test_keeps_the_columns_it_was_published_with():
    for name, *_ in FILES:
        with (DATA / f"AzureLLMInferenceTrace_{name}.csv").open(encoding="utf-8") as file:
            assert next(csv.reader(file)) == ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]
