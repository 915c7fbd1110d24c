"""
Reverse charge within the EU: docs/tax.md#reverse-charge.

Between businesses in two EU countries the buyer owes the tax (Art. 196 Directive 2006/112/EC). A VAT id shows that a
buyer is a business; this module checks its form and check digits without an online request.
"""

from functools import lru_cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from stdnum.eu import vat

from invoices.tax.buyer_details import Buyer

REVERSE_CHARGE = gettext_noop("Reverse charge: the customer owes the tax (Art. 196 Directive 2006/112/EC)")
"""Stored in English; documents print it in their language."""

PREFIXES = {"GR": "EL"}
"""Country → prefix of its VAT ids, where that differs from the country's code."""

EU = frozenset(code.upper() for code in vat.MEMBER_STATES) - {"XI"}
"""Countries of the EU. Northern Ireland is in it for goods alone."""


def is_reverse_charged(*, seller_country: str, buyer: Buyer) -> bool:
    """Return whether the buyer owes the tax: a business in another EU country, judging by its VAT id."""
    return is_intra_eu_supply(seller_country, buyer.country) and bool(buyer.tax_number) and not vat_id_problem(buyer)


def is_intra_eu_supply(seller_country: str, buyer_country: str) -> bool:
    """Return whether a supply goes from one EU country to another."""
    return seller_country != buyer_country and EU.issuperset((seller_country, buyer_country))


def vat_id_problem(buyer: Buyer) -> str:
    """Return the problem of an EU buyer's VAT id as a sentence; empty if none is known."""
    if not is_vat_id(buyer.country, buyer.tax_number):
        prefix = PREFIXES.get(buyer.country, buyer.country)
        text = _(
            "“%(number)s” is not a valid VAT ID of %(country)s. It must start with %(prefix)s; check the digits."
        )
        return text % {"number": buyer.tax_number, "country": buyer.country, "prefix": prefix}
    if buyer.tax_number_is_valid is False:
        return _("“%(number)s” is invalid, according to the online check.") % {"number": buyer.tax_number}
    return ""


@lru_cache(maxsize=100_000)
def is_vat_id(country: str, number: str) -> bool:
    """Return whether a number has the form and the check digits of this country's VAT ids."""
    prefix = PREFIXES.get(country, country)
    return vat.compact(number).upper().startswith(prefix) and bool(vat.is_valid(number))
