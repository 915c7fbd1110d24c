"""Columns of lists and facts on pages, each in one line: its heading, and what it shows of a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any, TypeVar, cast

from django.utils.translation import gettext_lazy as _
from unfold.decorators import display as display_of_theme

from lib.admin.links import link_to
from lib.admin.number_fields import number_cell
from lib.formats import format_money, format_number
from lib.translation import Text

EXPORTED = "exported_amount"
"""The attribute of a column of amounts that holds its `ExportedAmount`."""


@dataclass(frozen=True, slots=True)
class ExportedAmount:
    """
    The number that an exported list has in place of a column's text.

    read: returns (amount, its currency or unit) of a row, or None.
    unit_heading: the heading of the column of currencies or units, after that of the amounts; empty for bare numbers.
    """

    read: Callable[[Any], tuple[Decimal | int, str] | None]
    unit_heading: Text


Column = Callable[[Any, Any], Any]
AnyColumn = TypeVar("AnyColumn", bound=Callable[..., Any])
STATE = _("State")
UNIT = _("unit")


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


def amount_column(
    read: Callable[[Any], tuple[Decimal, str] | None],
    show_amount: Callable[[Decimal, str], str],
    heading: Text,
    *,
    unit_heading: Text = UNIT,
    missing: Text = "",
    ordering: str | None = None,
) -> Column:
    """
    Return a column of amounts.

    read: returns (amount, its currency or unit) of a row, or None. show_amount: returns them as text.
    missing: shown where there is no amount.
    """

    def read_text(row: Any) -> str:
        amount = read(row)
        return str(missing) if amount is None else number_cell(show_amount(*amount))

    show = column(heading, read_text, ordering=ordering)
    vars(show)[EXPORTED] = ExportedAmount(read, unit_heading)
    return show


def money_column(
    amount: str | Callable[[Any], Decimal | None],
    heading: Text,
    *,
    currency: str = "currency",
    missing: Text = "",
    ordering: str | None = None,
) -> Column:
    """
    Return a column with an amount of money: of a field, or computed from the row.

    currency: attributes with dots, such as subscription.currency.
    """
    read_amount = attrgetter(amount) if isinstance(amount, str) else amount
    read_currency = attrgetter(currency)

    def read(row: Any) -> tuple[Decimal, str] | None:
        value = read_amount(row)
        return None if value is None else (getattr(value, "amount", value), str(read_currency(row)))

    return amount_column(read, format_money, heading, unit_heading=_("currency"), missing=missing, ordering=ordering)


def number_column(number: str | Callable[[Any], Decimal | int], heading: Text, ordering: str | None = None) -> Column:
    """Return a column with a number: of a field, or computed from the row."""
    read = attrgetter(number) if isinstance(number, str) else number
    show = column(heading, lambda row: number_cell(format_number(read(row))), ordering=ordering)
    vars(show)[EXPORTED] = ExportedAmount(lambda row: (read(row), ""), "")
    return show
