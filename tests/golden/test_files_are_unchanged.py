"""The golden files are byte for byte as delivered."""

import hashlib
from pathlib import Path

from tests.golden.cases import HERE, load

OUR_FILES = {"checksums.json", "differences.json", "missing.json"}


def changed_files(folder: Path) -> list[str]:
    """Return the delivered files of a folder whose content is another one."""
    return [
        name
        for name, checksum in load("checksums.json").items()
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != checksum
    ]


def test_no_file_is_changed():
    assert changed_files(HERE) == []


def test_a_planted_change_is_found(tmp_path: Path):
    for name in load("checksums.json"):
        (tmp_path / name).write_bytes((HERE / name).read_bytes())
    (tmp_path / "rounding.json").write_bytes((HERE / "rounding.json").read_bytes() + b" ")
    assert changed_files(tmp_path) == ["rounding.json"]


def test_every_golden_file_has_a_checksum():
    assert {path.name for path in HERE.glob("*.json")} - OUR_FILES == load("checksums.json").keys() - {"SCHEMA.md"}


def test_files_have_their_stated_number_of_cases():
    files = [load(name) for name in load("checksums.json") if name.endswith(".json")]
    numbers = {file["family"]: {len(file["cases"]), len({case["id"] for case in file["cases"]})} for file in files}
    assert numbers == {file["family"]: {file["count"]} for file in files}
