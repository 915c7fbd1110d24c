"""Worked examples in docs/, read from the tables of a page, so that page and code can't diverge."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as in docs/closing.md#late-usage."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def rows(page: str, section: str) -> list[dict[str, str]]:
    """
    Return the rows of the first table below a heading, by column name. section: the heading, or its anchor.

    :raises ValueError: if there is no such heading, or no table below it.
    """
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    headings = [anchor(line.removeprefix("## ")) if line.startswith("## ") else None for line in lines]
    below = lines[headings.index(anchor(section)) + 1 :]
    table: list[list[str]] = []
    for line in below:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table or line.startswith("#"):
            break
    if len(table) < 3:
        raise ValueError(f"{page} has no table below “{section}”.")
    header, _, *body = table
    return [dict(zip(header, cells, strict=True)) for cells in body]
