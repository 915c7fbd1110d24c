"""
The tax category of a rate, determined by both parties: docs/e-invoices.md#categories.

A tax with a `category` of its own keeps it.
"""

from collections.abc import Iterable

from invoices.rendering.einvoice.model import TaxCategory
from invoices.rendering.invoice_facts import InvoiceFacts, PartyDetails, TaxFacts
from invoices.tax.reverse_charge import EU

STANDARD, ZERO, EXEMPT, REVERSE, EXPORT, OUTSIDE = "S", "Z", "E", "AE", "G", "O"
REASON_CODES = {REVERSE: "VATEX-EU-AE", EXPORT: "VATEX-EU-G", OUTSIDE: "VATEX-EU-O"}
GIVES_A_REASON = (EXEMPT, REVERSE, EXPORT, OUTSIDE)


def find_category(tax: TaxFacts, facts: InvoiceFacts) -> TaxCategory:
    """Return the category of an invoice's tax."""
    code = tax.category or _category_code(tax, facts)
    reason = tax.reason if code in GIVES_A_REASON else ""
    return TaxCategory(code, tax.rate, REASON_CODES.get(code, ""), reason)


def _category_code(tax: TaxFacts, facts: InvoiceFacts) -> str:
    seller, buyer = facts.seller, facts.buyer
    if tax.rate:
        return STANDARD
    if seller.country not in EU and not vat_id(seller) and not any(tax_facts.rate for tax_facts in facts.taxes):
        return OUTSIDE
    if seller.country in EU and buyer.country not in EU:
        return EXPORT
    is_abroad = seller.country in EU and buyer.country != seller.country
    if is_abroad and vat_id(seller) and vat_id(buyer):
        return REVERSE
    return EXEMPT if tax.reason else ZERO


def vat_id(party: PartyDetails) -> str:
    """Return a party's VAT id, which begins with a country's letters; empty for a tax number of another kind."""
    number = "".join(character for character in party.tax_number.upper() if character.isalnum())
    prefixes = {party.country, "EL"} if party.country == "GR" else {party.country, *EU, "EL", "XI"}
    return number if number[:2] in prefixes and len(number) > 4 else ""


def are_compatible(categories: Iterable[TaxCategory]) -> bool:
    """
    Return whether an invoice may have these categories: “outside the scope of tax” can't be combined with others.
    """
    codes = {category.code for category in categories}
    return OUTSIDE not in codes or len(codes) == 1
