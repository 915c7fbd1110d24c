"""docs/audit.md names every check next to its invariant, and has every section that checks refer to."""

import re
from pathlib import Path

from billing.audit import CHECKS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
ROWS = [re.split(r"\s*\|\s*", line.strip("| ")) for line in PAGE.splitlines() if re.match(r"\| [A-Z]\d", line)]


def test_every_check_is_listed_with_its_invariant():
    documented = {(reference, name) for reference, _, checks in ROWS for name in checks.split(", ")}
    assert documented == {(check.reference[:2], check.name) for check in CHECKS}


def test_every_referenced_section_exists():
    sections = {line.lstrip("# ").lower() for line in PAGE.splitlines() if line.startswith("## ")}
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "billing" / "auditing").glob("*.py")]
    assert {name for text in sources for name in re.findall(r"docs/audit\.md#([\w-]+)", text)} <= sections
