"""Counts of several queries in one statement, each up to a bound, so that a large table doesn't slow a page."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet, Value

from lib import sql


def count_bounded(queries: Mapping[str, QuerySet[Any]], *, most: int) -> dict[str, int]:
    """Return the number of rows of each query by its name; `most` + 1 stands for more than `most`."""
    parts, parameters = [], []
    for name, rows in queries.items():
        # Without an order, the database stops counting at the limit instead of sorting all rows.
        limited = rows.order_by().values_list(Value(1))[: most + 1]
        try:
            statement, values = limited.query.sql_with_params()
        except EmptyResultSet:
            continue
        parts.append(f"SELECT %s, count(*) FROM ({statement}) counted")  # noqa: S608
        parameters += [name, *values]
    counts = dict.fromkeys(queries, 0)
    return counts | dict(sql.fetch_rows(" UNION ALL ".join(parts), parameters)) if parts else counts
