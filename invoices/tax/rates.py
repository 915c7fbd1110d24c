"""Taxes by the seller's own table of rates: docs/tax.md#which-rate."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from invoices.documents.buyer_details import Buyer
from invoices.documents.totals import Tax, Taxes
from invoices.models import TaxRate
from invoices.tax.calculation import Supply
from invoices.tax.reverse_charge import REVERSE_CHARGE, is_across, is_reversed

ZERO = Decimal(0)
NO_TAX = Tax("Tax", ZERO)


def by_rates(supply: Supply) -> Taxes:
    """
    Return the taxes of a supply by the seller's rates of the day.

    An exempt buyer pays none. Nor does one who owes it in another country of the EU, where the seller would have to
    charge any; the document says why.
    """
    buyer = supply.buyer
    taxes = tuple(_tax(rate) for rate in in_force(supply)) or (NO_TAX,)
    if buyer.tax_exemption:
        return (Tax(taxes[0].name, ZERO, buyer.tax_exemption),)
    if any(tax.rate for tax in taxes) and is_reversed(seller_country=supply.seller_country, buyer=buyer):
        return (Tax(taxes[0].name, ZERO, REVERSE_CHARGE),)
    return taxes


def seen_of(buyer: Buyer, *, seller_country: str) -> tuple[Any, ...]:
    """Return all of a buyer that these taxes depend on."""
    number = buyer.tax_number if is_across(seller_country, buyer.country) else ""
    told = (buyer.country, buyer.region, buyer.tax_exemption, buyer.tax_code)
    return (*told, number, buyer.tax_number_is_valid) if number else told


def in_force(supply: Supply) -> list[TaxRate]:
    """Return the rate of each level that fits a supply best; beyond the first, those that charge something."""
    code = supply.buyer.tax_code or supply.code
    best: dict[int, TaxRate] = {}
    for rate in _fitting(supply.rates, supply.buyer, code, supply.on):
        if (found := best.get(rate.level)) is None or _closeness(rate) > _closeness(found):
            best[rate.level] = rate
    chosen = [best[level] for level in sorted(best)]
    return [rate for place, rate in enumerate(chosen) if rate.rate or not place]


def _fitting(rates: Iterable[TaxRate], buyer: Buyer, code: str, on: date) -> Iterable[TaxRate]:
    return (
        rate
        for rate in rates
        if rate.country in ("", buyer.country)
        and rate.region in ("", buyer.region)
        and rate.code in ("", code)
        and rate.valid_from <= on
        and (rate.valid_to is None or on < rate.valid_to)
    )


def _closeness(rate: TaxRate) -> tuple[bool, bool, bool]:
    return bool(rate.country), bool(rate.region), bool(rate.code)


def _tax(rate: TaxRate) -> Tax:
    return Tax(rate.name, rate.rate, rate.reason)
