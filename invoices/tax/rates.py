"""Taxes by the seller's own table of rates: docs/tax.md#which-rate."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from invoices.amounts.totals import Tax, Taxes
from invoices.models import TaxRate
from invoices.tax.buyer_details import Buyer
from invoices.tax.calculation import Supply
from invoices.tax.reverse_charge import REVERSE_CHARGE, is_intra_eu_supply, is_reverse_charged

ZERO = Decimal(0)
NO_TAX = Tax("Tax", ZERO)


def by_rates(supply: Supply) -> Taxes:
    """
    Return the taxes of a supply by the seller's rates of the day.

    An exempt buyer pays no tax. Nor does a business in another EU country that owes the tax itself; the invoice then
    states the reason.
    """
    buyer = supply.buyer
    taxes = tuple(_tax(rate) for rate in applicable_rates(supply)) or (NO_TAX,)
    if buyer.tax_exemption:
        return (Tax(taxes[0].name, ZERO, buyer.tax_exemption),)
    if any(tax.rate for tax in taxes) and is_reverse_charged(seller_country=supply.seller_country, buyer=buyer):
        return (Tax(taxes[0].name, ZERO, REVERSE_CHARGE),)
    return taxes


def tax_relevant_facts(buyer: Buyer, *, seller_country: str) -> tuple[Any, ...]:
    """Return every fact of a buyer that these taxes depend on."""
    number = buyer.tax_number if is_intra_eu_supply(seller_country, buyer.country) else ""
    facts = (buyer.country, buyer.region, buyer.tax_exemption, buyer.tax_code)
    return (*facts, number, buyer.tax_number_is_valid) if number else facts


def applicable_rates(supply: Supply) -> list[TaxRate]:
    """Return the most specific rate of each level; above the first level, only rates above zero."""
    code = supply.buyer.tax_code or supply.code
    best_by_level: dict[int, TaxRate] = {}
    for rate in _matching_rates(supply.rates, supply.buyer, code, supply.on):
        if (best_rate := best_by_level.get(rate.level)) is None or _specificity(rate) > _specificity(best_rate):
            best_by_level[rate.level] = rate
    rates = [best_by_level[level] for level in sorted(best_by_level)]
    return [rate for index, rate in enumerate(rates) if rate.rate or not index]


def _matching_rates(rates: Iterable[TaxRate], buyer: Buyer, code: str, on: date) -> Iterable[TaxRate]:
    return (
        rate
        for rate in rates
        if rate.country in ("", buyer.country)
        and rate.region in ("", buyer.region)
        and rate.code in ("", code)
        and rate.valid_from <= on
        and (rate.valid_to is None or on < rate.valid_to)
    )


def _specificity(rate: TaxRate) -> tuple[bool, bool, bool]:
    return bool(rate.country), bool(rate.region), bool(rate.code)


def _tax(rate: TaxRate) -> Tax:
    return Tax(rate.name, rate.rate, rate.reason)
