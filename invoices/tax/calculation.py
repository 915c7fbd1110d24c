"""What taxes are asked for, and how: by the seller's table of rates, or by a function that a setting names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from invoices.documents.buyer_details import Buyer
from invoices.documents.totals import Taxes
from invoices.models import TaxRate

FINEST = Decimal("0.0001")
"""As fine as a rate is stored, in percent."""


@dataclass(frozen=True, slots=True)
class Supply:
    """
    Something that is supplied to a buyer.

    seller_country: where the seller is. on: the day of supply, by the seller's calendar. code: what it is taxed as,
    empty for the ordinary rates. rates: all of the seller's, of every country, code and time.
    """

    seller_id: int
    seller_country: str
    buyer: Buyer
    on: date
    code: str
    rates: Sequence[TaxRate]


Calculator = Callable[[Supply], Taxes]
"""Tells the taxes of a supply, one at least; asked once for each buyer, day and code of a run."""


BY_RATES = "invoices.tax.rates.by_rates"
"""The calculator that there is by itself."""


def taxes_on(supply: Supply) -> Taxes:
    """
    Return the taxes of a supply, as the calculator of `TAX_CALCULATOR` has it.

    :raises ValueError: if it tells none, or a rate that is finer than can be stored.
    """
    found = tuple(_calculator(settings.TAX_CALCULATOR)(supply))
    if not found:
        raise ValueError("The tax calculator told no tax: a supply without any falls under one of zero.")
    for tax in found:
        if not 0 <= tax.rate <= 100 or tax.rate % FINEST:
            raise ValueError(f"{tax.name} {tax.rate} % is no rate of tax: 0 to 100 percent, to four decimals.")
    return found


@lru_cache(maxsize=8)
def _calculator(path: str) -> Calculator:
    found: Calculator = import_string(path)
    return found
