"""
Which category of tax a rate of a document falls under, by the two parties: docs/e-invoices.md#categories.

What says itself which one it is (a tax with its `category`) is taken at its word.
"""

from collections.abc import Iterable

from invoices.rendering.einvoice.model import TaxCategory
from invoices.rendering.invoice_facts import InvoiceFacts, Party, TaxFacts

EU = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
STANDARD, ZERO, EXEMPT, REVERSE, EXPORT, OUTSIDE = "S", "Z", "E", "AE", "G", "O"
REASON_CODES = {REVERSE: "VATEX-EU-AE", EXPORT: "VATEX-EU-G", OUTSIDE: "VATEX-EU-O"}
GIVES_A_REASON = (EXEMPT, REVERSE, EXPORT, OUTSIDE)


def find_category(tax: TaxFacts, facts: InvoiceFacts) -> TaxCategory:
    """Return the category that a document's tax falls under."""
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


def vat_id(party: Party) -> str:
    """Return a party's VAT id, which begins with a country's letters; empty for a tax number of another kind."""
    number = "".join(character for character in party.tax_number.upper() if character.isalnum())
    prefixes = {party.country, "EL"} if party.country == "GR" else {party.country, *EU, "EL", "XI"}
    return number if number[:2] in prefixes and len(number) > 4 else ""


def are_compatible(categories: Iterable[TaxCategory]) -> bool:
    """Whether categories may stand on one document: what is outside the scope of tax stands alone."""
    codes = {category.code for category in categories}
    return OUTSIDE not in codes or len(codes) == 1
