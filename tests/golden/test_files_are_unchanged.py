"""The golden files are byte for byte as delivered."""

import hashlib

import pytest

from tests.golden.cases import HERE, load


@pytest.mark.parametrize(("name", "checksum"), load("checksums.json").items())
def test_file_is_unchanged(name, checksum):
    assert hashlib.sha256((HERE / name).read_bytes()).hexdigest() == checksum


def test_every_golden_file_has_a_checksum():
    our_files = {"checksums.json", "differences.json"}
    assert {path.name for path in HERE.glob("*.json")} - our_files == load("checksums.json").keys() - {"SCHEMA.md"}


@pytest.mark.parametrize("name", [name for name in load("checksums.json") if name.endswith(".json")])
def test_file_has_its_stated_number_of_cases(name):
    cases = load(name)["cases"]
    assert len({case["id"] for case in cases}) == len(cases) == load(name)["count"]
