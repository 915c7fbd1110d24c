"""
An invoice as XML: CII (UN/CEFACT D22B, the syntax of Factur-X) or UBL 2.1 (OASIS).

The package factur-x writes both from one dictionary, whose keys are the standard's terms; it knows their elements and
the order of these. Its names for the parts of a party and an allowance are its own.
"""

from decimal import Decimal
from typing import Any

from facturx import generate_xml
from lxml import etree

from invoices.rendering.einvoice.model import (
    DocumentAllowance,
    EInvoice,
    EInvoiceLine,
    EInvoiceParty,
    PaymentInstructions,
    TaxCategory,
    TaxTotal,
)
from lib.decimals import to_plain_string

# Characters that XML 1.0 doesn't allow, and overrides of the reading direction, as in print (rendering/pdf_file.py).
REMOVED_CHARACTERS = dict.fromkeys(
    {*range(0x20), *range(0x7F, 0xA0), 0x202D, 0x202E, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)} - {0x09, 0x0A}
)
PROFILE = "en16931"
"""The core of the standard, which is also a profile of Factur-X. The package derives BT-24 from it."""
DISCOUNT = "95"  # UNCL 5189
COMPACT = etree.XMLParser(remove_blank_text=True)

Terms = dict[str, Any]


def to_cii(invoice: EInvoice) -> bytes:
    return _write(invoice, "factur-x")


def to_ubl(invoice: EInvoice) -> bytes:
    return _write(invoice, "ubl-2.1")


def _write(invoice: EInvoice, syntax: str) -> bytes:
    # The tests hold each kind of invoice against schemas and rules. Here the schemas would be read again for each
    # invoice, and the rules sent to a server.
    xml = generate_xml(
        _without_blanks(_terms(invoice)), flavor=syntax, level=PROFILE, check_xsd=False, check_schematron=None
    )
    # The package indents, which is a fifth of a long invoice.
    content: bytes = etree.tostring(etree.fromstring(xml, COMPACT), xml_declaration=True, encoding="UTF-8")
    return content


def _without_blanks(term: Any) -> Any:
    """Return a term without the characters above, and without blank parts, some of which the package would write."""
    if isinstance(term, str):
        return term.translate(REMOVED_CHARACTERS).strip()
    if isinstance(term, dict):
        return {key: filled for key, part in term.items() if (filled := _without_blanks(part))}
    if isinstance(term, list):
        return [filled for part in term if (filled := _without_blanks(part))]
    return term


def _money(amount: Decimal) -> str:
    """Return an amount with two decimal places, which the standard prescribes for every currency."""
    return f"{amount:.2f}"


def _percent(category: TaxCategory) -> str:
    return "" if category.percent is None else to_plain_string(category.percent)


def _terms(invoice: EInvoice) -> Terms:
    first_day, last_day = invoice.days
    number, day = invoice.preceding or ("", None)
    return {
        "BT-1": invoice.number,
        "BT-2": invoice.issued,
        "BT-3": invoice.type_code,
        "BT-5": invoice.currency,
        "BT-9": invoice.due_date,
        "BT-13": invoice.purchase_order,
        "BT-20": invoice.terms,
        "BG-1": [{"BT-22": note} for note in invoice.notes],
        "BG-3": [{"BT-25": number, "BT-26": day}],
        "BG-4": _party(invoice.seller),
        "BG-7": _party(invoice.buyer),
        "BT-72": last_day,  # the supply is complete when the billed time is over
        "BT-73": first_day,
        "BT-74": last_day,
        **(_payment(invoice.payment) if invoice.payment else {}),
        "BG-20": [_allowance(allowance) for allowance in invoice.allowances],
        "BT-106": _money(invoice.line_total),
        "BT-107": _money(invoice.allowance_total) if invoice.allowances else "",
        "BT-109": _money(invoice.net),
        "BT-110": _money(invoice.tax),
        "BT-112": _money(invoice.total),
        "BT-113": _money(invoice.prepaid) if invoice.prepaid else "",
        "BT-115": _money(invoice.due),
        "BG-23": [_tax(tax_total) for tax_total in invoice.taxes],
        "BG-25": [_line(line) for line in invoice.lines],
    }


def _party(side: EInvoiceParty) -> Terms:
    party = side.party
    return {
        "name": party.legal_name,
        "vat_identifier": side.vat_id,
        "tax_identifier": side.tax_id,
        "legal_identifier": side.registration,
        "contacts": [{"email": party.email}],
        "addr_l1": party.address_line1,
        "addr_l2": party.address_line2,
        "postcode": party.postal_code,
        "city": party.city,
        "country_subdivision": party.region,
        "country_code": party.country,
    }


def _payment(payment: PaymentInstructions) -> Terms:
    return {
        "BT-81": payment.means,
        "BT-83": payment.reference,
        "BT-84": payment.iban,
        "BT-85": payment.holder,
        "BT-86": payment.bic,
    }


def _allowance(allowance: DocumentAllowance) -> Terms:
    return {
        "amount": _money(allowance.amount),
        "reason": allowance.reason,
        "reason_code": DISCOUNT,
        "vat_category_code": allowance.category.code,
        "vat_rate": _percent(allowance.category),
    }


def _tax(tax_total: TaxTotal) -> Terms:
    return {
        "BT-116": _money(tax_total.taxable),
        "BT-117": _money(tax_total.amount),
        "BT-118": tax_total.category.code,
        "BT-119": _percent(tax_total.category),
        "BT-120": tax_total.category.reason,
        "BT-121": tax_total.category.reason_code,
    }


def _line(line: EInvoiceLine) -> Terms:
    first_day, last_day = line.days
    return {
        "BT-126": str(line.number),
        "BT-127-00": [{"BT-127": line.note}],
        "BT-129": to_plain_string(line.quantity),
        "BT-130": line.unit_code,
        "BT-131": _money(line.amount),
        "BT-134": first_day,
        "BT-135": last_day,
        "BT-146": to_plain_string(line.price),
        "BT-149": to_plain_string(line.base_quantity),
        "BT-151": line.category.code,
        "BT-152": _percent(line.category),
        "BT-153": line.name,
        "BG-32": [{"BT-160": "Unit", "BT-161": line.unit_name}],  # left out by the package without a name
    }
