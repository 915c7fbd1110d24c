"""Worked examples in docs/, read from the tables of a page, so that page and code can't diverge."""

from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def rows(page: str, section: str) -> list[dict[str, str]]:
    """
    Return the rows of the first table below a heading, by column name.

    :raises ValueError: if there is no such heading, or no table below it.
    """
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    below = lines[lines.index(f"## {section}") + 1 :]
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
