"""Tables as CSV: rows as they are read, and cells that no spreadsheet takes for a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


class _Line:
    """What csv writes to: it hands each line back instead of keeping it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines of CSV, one by one, with every cell harmless."""
    writer = csv.writer(_Line())
    for row in rows:
        yield writer.writerow([escape_formula(cell) for cell in row])


def escape_formula(text: str) -> str:
    """
    Return a cell that no spreadsheet takes for a formula: what looks like one begins with an apostrophe.

    Source: OWASP, CSV Injection. A negative number is left alone.
    """
    if not text.startswith(FORMULA_PREFIXES):
        return text
    try:
        float(text.replace(",", ""))
    except ValueError:
        return f"'{text}"
    return text
