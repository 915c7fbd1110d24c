"""Columns of wallet units: credits or money."""

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter
from typing import Any

from lib.admin.columns import Column, amount_column
from lib.translation import Text
from wallets.statements.formats import shown


def units_column(
    units: str | Callable[[Any], Decimal | None],
    heading: Text,
    *,
    unit: str = "wallet.unit",
    ordering: str | None = None,
) -> Column:
    """
    Return a column of units of a wallet: of a field, or computed from the row.

    unit: attributes with dots that lead from the row to the wallet's unit.
    """
    read_units = attrgetter(units) if isinstance(units, str) else units
    read_unit = attrgetter(unit)

    def read(row: Any) -> tuple[Decimal, str] | None:
        value = read_units(row)
        return None if value is None else (value, read_unit(row))

    return amount_column(read, shown, heading, ordering=ordering)
