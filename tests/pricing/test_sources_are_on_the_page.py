"""Every "Source: docs/pricing.md#…" refers to an existing section, and a test reads every worked table."""

import re
from pathlib import Path

from tests.pricing.worked_numbers import sections

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
CORE = [*(PROJECT / "plans" / "pricing").rglob("*.py"), *(PROJECT / "lib").glob("*.py")]
SOURCES = sorted(
    {
        (path.name, section)
        for path in CORE
        for section in re.findall(r"docs/pricing\.md#([\w-]+)", path.read_text(encoding="utf-8"))
    }
)


def test_every_section_that_a_docstring_names_is_on_the_page():
    assert [source for source in SOURCES if source[1] not in sections()] == []


def test_every_section_is_the_source_of_a_function():
    algorithms = sections().keys() - {"pricing"}
    assert algorithms == {section for _, section in SOURCES} | {"rounding-a-quantity", "cumulative-minus-billed"}


def test_every_section_with_a_table_is_read_by_a_test():
    """The table of longer fees is read by the tests of periods: tests/billing/subscriptions."""
    tests = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    with_tables = {name for name, text in sections().items() if "\n|---" in text} - {"pricing"}
    assert with_tables - {"fees-for-several-periods"} == {name for name in with_tables if f'rows("{name}"' in tests}
