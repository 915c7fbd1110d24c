"""docs/security-checklist.md: each requirement of ASVS 5.0 has one row, and each test that it names exists."""

import re
from collections import Counter
from pathlib import Path

import pytest

from config.paths import PROJECT

PAGE = PROJECT / "docs" / "security-checklist.md"
REQUIREMENTS = Path(__file__).with_name("asvs_requirements.txt")
ROW = re.compile(r"^\| (V\d+\.\d+\.\d+) \| (.*?) \| (.*?) \|$", re.MULTILINE)
TEST = re.compile(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)")
REASONS = ("Not applicable: ", "Open: ", "Documented: ")


def requirements() -> dict[str, int]:
    """Return the level of each requirement: all of levels 1 and 2, and some of level 3."""
    lines = (line.split() for line in REQUIREMENTS.read_text().splitlines())
    return {name: int(level) for name, level in lines}


def rows() -> list[tuple[str, str, str]]:
    """Return the rows of the page: requirement, words, evidence."""
    return ROW.findall(PAGE.read_text())


def mistakes(words: str, evidence: str) -> list[str]:
    """Return the faults of a row."""
    faults = [] if words.strip() and evidence.strip() else ["an empty cell"]
    tests = TEST.findall(evidence)
    if not tests and not evidence.startswith(REASONS):
        faults.append("neither a test nor a reason")
    if evidence.startswith("Documented: ") and ".md" not in evidence:
        faults.append("no page")
    for name, path in tests:
        file = PROJECT / path
        if not file.is_file():
            faults.append(f"{path} does not exist")
        elif name != file.stem and f"def {name}(" not in file.read_text():
            faults.append(f"{path} has no {name}")
    return faults


def test_the_list_is_that_of_the_standard():
    assert Counter(requirements().values()) == {1: 70, 2: 183, 3: 4}


def test_each_requirement_has_one_row():
    assert Counter(name for name, *_ in rows()) == Counter(list(requirements()))


def test_each_row_has_a_test_that_exists_or_a_reason():
    assert {name: faults for name, words, evidence in rows() if (faults := mistakes(words, evidence))} == {}


@pytest.mark.parametrize(
    ("words", "evidence"),
    [
        ("", "Open: not built"),
        ("words", ""),
        ("words", "because"),
        ("words", "Documented: somewhere"),
        ("words", "[test_nothing](../tests/lib/test_client_address.py)"),
        ("words", "[test_nothing](../tests/lib/test_nothing.py)"),
    ],
)
def test_a_mistake_would_be_found(words: str, evidence: str):
    assert mistakes(words, evidence)
