"""The worked numbers of docs/pricing.md, read from its tables, so that the page and the code agree."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "pricing.md"

Row = dict[str, str]


def sections() -> dict[str, str]:
    """Return the text below each heading, keyed by the heading's anchor."""
    text_by_heading, heading = {}, ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").lower().replace(" ", "-")
            text_by_heading[heading] = ""
        else:
            text_by_heading[heading] += line + "\n"
    return text_by_heading


def rows(section: str, *, table: int = 0) -> list[Row]:
    """
    Return the rows of a section's table by column name.

    :raises KeyError: if there is no such section.
    :raises IndexError: if the section has no such table.
    """
    tables, current = [], []
    for line in [*sections()[section].splitlines(), ""]:
        if line.startswith("|"):
            current.append([cell.strip() for cell in line.strip("|").split("|")])
        elif current:
            tables.append(current)
            current = []
    header, _, *body = tables[table]
    return [dict(zip(header, cells, strict=True)) for cells in body]


def number(text: str) -> Decimal | Fraction:
    """Read a number in the page's notation: 2.35 exactly, 1/3 as a fraction."""
    return Fraction(text) if "/" in text else Decimal(text)
