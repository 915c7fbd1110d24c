"""The worked numbers of docs/pricing.md, read from its tables, so that the page and the code cannot drift apart."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "pricing.md"

Row = dict[str, str]


def sections() -> dict[str, str]:
    """Return the text below each heading, by the heading as links name it."""
    found, heading = {}, ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").lower().replace(" ", "-")
            found[heading] = ""
        else:
            found[heading] += line + "\n"
    return found


def rows(section: str, *, table: int = 0) -> list[Row]:
    """Return the rows of a section's table by column name. Raises KeyError or IndexError if it is not there."""
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
    """Read a number as the page writes it: 2.35 exactly, 1/3 as a fraction."""
    return Fraction(text) if "/" in text else Decimal(text)
