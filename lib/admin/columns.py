"""Columns of lists and facts of pages that many staff pages have: a state, a related row, an amount of money."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from unfold.decorators import display

from lib.admin.links import link_to
from lib.admin.number_fields import number_cell
from lib.formats import format_money

Column = Callable[[Any, Any], Any]


def state_column(colors: Mapping[str, str], field: str = "state", label: str = "State") -> Column:
    """Return a column with the colored label of a field that has choices."""

    @display(description=label, ordering=field, label=colors)
    def column(page: Any, row: Any) -> tuple[str, str]:
        return getattr(row, field), getattr(row, f"get_{field}_display")()

    return column


def text_column(path: str, label: str, ordering: str | None = None) -> Column:
    """Return a column with a related row or a value as text. path: attributes with dots, such as wallet.customer."""
    read = attrgetter(path)

    @display(description=label, ordering=ordering)
    def column(page: Any, row: Any) -> str:
        return str(read(row))

    return column


def link_column(path: str, label: str) -> Column:
    """Return a column that links to a related row's page, if there is one."""
    read = attrgetter(path)

    @display(description=label)
    def column(page: Any, row: Any) -> str | None:
        related = read(row)
        return None if related is None else link_to(related)

    return column


def money_column(field: str, label: str, ordering: str | None = None) -> Column:
    """Return a column with an amount in the row's currency."""

    @display(description=label, ordering=ordering)
    def column(page: Any, row: Any) -> str:
        return number_cell(format_money(getattr(row, field), str(row.currency)))

    return column
