"""
Who owes the tax within the EU: docs/tax.md#reverse-charge.

Between businesses in two of its countries it is the buyer (Art. 196 Directive 2006/112/EC). That a buyer is one is
shown by a VAT id; its form and check digits are looked at here, without asking anybody.
"""

from functools import lru_cache

from stdnum.eu import vat

from invoices.documents.buyer_details import Buyer

REVERSE_CHARGE = "Reverse charge: the customer owes the tax (Art. 196 Directive 2006/112/EC)"

PREFIXES = {"GR": "EL"}
"""Country → what its VAT ids begin with, where that is not its own code."""

EU = frozenset(code.upper() for code in vat.MEMBER_STATES) - {"XI"}
"""Countries of the EU. Northern Ireland is in it for goods alone."""


def is_reversed(*, seller_country: str, buyer: Buyer) -> bool:
    """Tell whether the buyer owes the tax: another country's business, as far as its VAT id tells."""
    return is_across(seller_country, buyer.country) and bool(buyer.tax_number) and not problem_of(buyer)


def is_across(seller_country: str, buyer_country: str) -> bool:
    """Tell whether a supply goes from one country of the EU to another."""
    return seller_country != buyer_country and EU.issuperset((seller_country, buyer_country))


def problem_of(buyer: Buyer) -> str:
    """Return what is wrong with the VAT id of a buyer in the EU, in words; empty if nothing is known to be."""
    if not is_vat_id(buyer.country, buyer.tax_number):
        prefix = PREFIXES.get(buyer.country, buyer.country)
        return f"“{buyer.tax_number}” is no VAT id of {buyer.country}: it begins with {prefix} and has check digits."
    if buyer.tax_number_is_valid is False:
        return f"“{buyer.tax_number}” was looked up, and is not in use."
    return ""


@lru_cache(maxsize=100_000)
def is_vat_id(country: str, number: str) -> bool:
    """Tell whether a number has the form and the check digits of this country's VAT ids."""
    prefix = PREFIXES.get(country, country)
    return vat.compact(number).upper().startswith(prefix) and bool(vat.is_valid(number))
