"""Rows that add up other rows of a report."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from billing.revenue.reports.table import ReportColumn, Row, Value
from lib.decimals import exact_sum


def add_up(
    rows: Iterable[Row],
    columns: Iterable[ReportColumn],
    name: str,
    filters: Mapping[str, Mapping[str, str]] | None = None,
) -> Row:
    """Return the row of sums below other rows. name: the value of its first column."""
    rows = list(rows)
    first, *others = columns
    sums: dict[str, Value] = {first.code: name}
    for column in others:
        sums[column.code] = exact_sum(
            amount for row in rows if isinstance(amount := row.values.get(column.code), Decimal)
        )
    return Row(sums, filters or {}, is_total=True)
