"""docs/audit.md names every check next to its invariant, and has every section that checks refer to."""

import re
from pathlib import Path

from billing.audit import CHECKS
from tests import oracle

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
ROWS = [re.split(r"\s*\|\s*", line.strip("| ")) for line in PAGE.splitlines() if re.match(r"\| [A-Z]\d", line)]


def test_every_check_is_listed_with_its_invariant():
    documented = {
        (column, reference, name)
        for reference, _, *columns, _ in ROWS
        for column, checks in zip(("audit", "oracle"), columns, strict=True)
        for name in checks.split(", ")
        if name != "—"
    }
    assert documented == {
        *(("audit", check.reference, check.name) for check in CHECKS),
        *(("oracle", check.reference, check.name) for check in oracle.CHECKS),
    }


def test_every_referenced_section_exists():
    sections = {line.lstrip("# ").lower() for line in PAGE.splitlines() if line.startswith("## ")}
    sources = [
        path.read_text(encoding="utf-8")
        for folder in (ROOT / "billing" / "audit", ROOT / "tests" / "oracle")
        for path in folder.rglob("*.py")
    ]
    references = {name for text in sources for name in re.findall(r"docs/audit\.md#([\w-]+)", text)}
    assert references <= sections
    assert references
