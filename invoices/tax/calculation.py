"""Calculate taxes by the seller's table of rates, or by a function that a setting names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from invoices.amounts.totals import Taxes
from invoices.models import TaxRate
from invoices.tax.buyer_details import Buyer

FINEST = Decimal("0.0001")
"""The precision in which a rate is stored, in percent."""


@dataclass(frozen=True, slots=True)
class Supply:
    """
    A supply to a buyer.

    seller_country: the seller's country. on: the day of supply, by the seller's calendar. code: the product's tax
        code, empty for the ordinary rates. rates: all rates of the seller, of every country, code and time.
    """

    seller_id: int
    seller_country: str
    buyer: Buyer
    on: date
    code: str
    rates: Sequence[TaxRate]


Calculator = Callable[[Supply], Taxes]
"""Returns the taxes of a supply, at least one; called once for each buyer, day and code of a run."""


BY_RATES = "invoices.tax.rates.by_rates"
"""The default calculator."""


def taxes_on(supply: Supply) -> Taxes:
    """
    Return the taxes of a supply, by the calculator named in `TAX_CALCULATOR`.

    :raises ValueError: if it returns none, or a rate with more decimals than can be stored.
    """
    taxes = tuple(_calculator(settings.TAX_CALCULATOR)(supply))
    if not taxes:
        raise ValueError("The tax calculator returned no tax. Return a rate of zero for a supply without tax.")
    for tax in taxes:
        if not 0 <= tax.rate <= 100 or tax.rate % FINEST:
            raise ValueError(
                f"{tax.name} {tax.rate}% is not a tax rate. Rates are 0 to 100 percent, with up to four decimals."
            )
    return taxes


@lru_cache(maxsize=8)
def _calculator(path: str) -> Calculator:
    calculator: Calculator = import_string(path)
    return calculator
