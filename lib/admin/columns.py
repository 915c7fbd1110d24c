"""Columns of lists and facts on pages, each in one line: its heading, and what it shows of a row."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from unfold.decorators import display

from lib.admin.links import link_to
from lib.admin.number_fields import number_cell
from lib.formats import format_money

Column = Callable[[Any, Any], Any]


def column(heading: str, read: Callable[[Any], Any], **options: Any) -> Column:
    """Return a column. options: ordering, label and boolean of the theme's `display`."""

    @display(description=heading, **options)
    def show(page: Any, row: Any) -> Any:
        return read(row)

    return show


def state_column(colors: Mapping[str, str], field: str = "state", heading: str = "State") -> Column:
    """Return a column with the colored label of a field that has choices."""

    def read(row: Any) -> tuple[str, str]:
        return getattr(row, field), getattr(row, f"get_{field}_display")()

    return column(heading, read, ordering=field, label=colors)


def text_column(path: str, heading: str, ordering: str | None = None) -> Column:
    """Return a column with a related row or a value as text. path: attributes with dots, such as wallet.customer."""
    read = attrgetter(path)
    return column(heading, lambda row: str(read(row)), ordering=ordering)


def link_column(path: str, heading: str) -> Column:
    """Return a column that links to a related row's page, if there is one."""
    read = attrgetter(path)
    return column(heading, lambda row: None if read(row) is None else link_to(read(row)))


def money_column(field: str, heading: str, ordering: str | None = None) -> Column:
    """Return a column with an amount in the row's currency."""

    def read(row: Any) -> str:
        return number_cell(format_money(getattr(row, field), str(row.currency)))

    return column(heading, read, ordering=ordering)
