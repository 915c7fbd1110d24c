"""Columns of lists and facts on pages, each in one line: its heading, and what it shows of a row."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Any, TypeVar, cast

from django.utils.translation import gettext_lazy as _
from unfold.decorators import display as display_of_theme

from lib.admin.links import link_to
from lib.admin.number_fields import number_cell
from lib.formats import format_money
from lib.translation import Text

READ_MONEY = "read_money"
"""The attribute of a column of amounts that returns (amount, currency) of a row, or None, for an exported list."""

Column = Callable[[Any, Any], Any]
AnyColumn = TypeVar("AnyColumn", bound=Callable[..., Any])
STATE = _("State")


def display(*, description: Text, **options: Any) -> Callable[[AnyColumn], AnyColumn]:
    """Decorate a method as a column of a page. Like the theme's decorator, with a translated heading."""
    return display_of_theme(description=cast(str, description), **options)


def column(heading: Text, read: Callable[[Any], Any], **options: Any) -> Column:
    """Return a column. options: ordering, label and boolean of the theme's `display`."""

    @display(description=heading, **options)
    def show(page: Any, row: Any) -> Any:
        return read(row)

    return show


def state_column(colors: Mapping[str, str], field: str = "state", heading: Text = STATE) -> Column:
    """Return a column with the colored label of a field that has choices."""

    def read(row: Any) -> tuple[str, str]:
        return getattr(row, field), getattr(row, f"get_{field}_display")()

    return column(heading, read, ordering=field, label=colors)


def text_column(path: str, heading: Text, ordering: str | None = None) -> Column:
    """Return a column with a related row or a value as text. path: attributes with dots, such as wallet.customer."""
    read = attrgetter(path)
    return column(heading, lambda row: str(read(row)), ordering=ordering)


def link_column(path: str, heading: Text) -> Column:
    """Return a column that links to a related row's page, if there is one."""
    read = attrgetter(path)
    return column(heading, lambda row: None if read(row) is None else link_to(read(row)))


def money_column(amount: str | Callable[[Any], Decimal], heading: Text, ordering: str | None = None) -> Column:
    """Return a column with an amount in the row's currency: of a field, or computed from the row."""
    read_amount = attrgetter(amount) if isinstance(amount, str) else amount

    def read_money(row: Any) -> tuple[Decimal, str] | None:
        value = read_amount(row)
        return None if value is None else (getattr(value, "amount", value), str(row.currency))

    def read(row: Any) -> str:
        money = read_money(row)
        return "" if money is None else number_cell(format_money(*money))

    show = column(heading, read, ordering=ordering)
    vars(show)[READ_MONEY] = read_money
    return show
