"""An invoice that the standard can't express is rejected with the fact that prevents it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from invoices.rendering.einvoice.conversion import CENT, to_einvoice
from invoices.rendering.einvoice.model import EInvoiceImpossible
from invoices.rendering.einvoice.xml_writer import to_cii
from invoices.rendering.invoice_facts import Branding, InvoiceFacts, TaxFacts
from lib.currencies import MINOR_UNITS, WITHDRAWN
from lib.money import minor_unit
from tests.invoices.rendering.einvoice.sample_invoices import AMERICAN, BUYER, LOOK, NO_ONE, SELLER, document
from tests.invoices.rendering.samples import fee

D = Decimal
TWO_TAXES = (TaxFacts("State", D(4), "", D(9), D("0.36")), TaxFacts("County", D(2), "", D(9), D("0.18")))
TWO_REASONS = (
    TaxFacts("VAT", D(0), "Exempt", D(9), D(0), category="E"),
    TaxFacts("VAT", D(0), "Export", D(0), D(0), category="G"),
)
BESIDE = (TaxFacts("VAT", D(0), "", D(0), D(0), category="O"), TaxFacts("VAT", D(19), "", D(9), D("1.71")))

REFUSED = [
    (document(fee("9"), number="", state="draft"), "number: a draft has none; issue it first."),
    (
        document(fee("9"), currency="KWD"),
        "currency: KWD has more than two decimal places, and the standard has two.",
    ),
    (
        document(fee("9"), currency="BGN"),
        "currency: BGN is withdrawn, and the standard has current ones only.",
    ),
    (
        document(fee("9", "\u202e \x0b")),
        "lines: a description has no character that can be read; credit the invoice and bill it again.",
    ),
    (
        document(fee("9"), buyer=replace(BUYER, legal_name="\u202e")),
        "buyer.legal_name: it has no character that can be read; correct it where the buyer is kept.",
    ),
    (
        document(
            fee("9"), rates="0", seller=replace(SELLER, tax_number=""), buyer=BUYER, tax_reason="Reverse charge"
        ),
        "seller.tax_number: an invoice with tax needs a VAT id or tax number; enter it at the seller.",
    ),
    (
        document(fee("9"), seller=NO_ONE),
        "seller.tax_number: an invoice with tax needs a VAT id or tax number; enter it at the seller.",
    ),
    (
        document(fee("9"), seller=AMERICAN, branding=Branding()),
        "seller.company_number: a seller without a VAT id is told by it; enter it at the seller.",
    ),
    (
        document(fee("9"), rates="0", seller=AMERICAN, branding=replace(LOOK, company_number="")),
        "seller.company_number: a seller without a VAT id is told by it; enter it at the seller.",
    ),
    (
        replace(
            document(fee("9"), rates="0", buyer=replace(BUYER, tax_number="")),
            taxes=(TaxFacts("VAT", D(0), "Reverse charge", D(9), D(0), category="AE"),),
        ),
        "buyer.tax_number: a reverse charge needs the customer's VAT id; enter it at the customer.",
    ),
    (
        document(fee("9"), buyer=replace(BUYER, country="ZZ")),
        "buyer.country: “ZZ” is no country of ISO 3166; correct it where the buyer is kept.",
    ),
    (
        replace(document(fee("9"), rates="4"), taxes=TWO_TAXES),
        "taxes: a line falls under several taxes, and the standard has one for each; bill them apart.",
    ),
    (
        replace(document(fee("9"), rates="0"), taxes=TWO_REASONS),
        "taxes: lines of one rate fall under several categories of tax; bill them apart.",
    ),
    (
        replace(document(fee("9")), taxes=BESIDE),
        "taxes: what is outside the scope of tax cannot stand beside what is taxed; bill it apart.",
    ),
    (replace(document(fee("9")), taxes=TWO_TAXES[:1]), "lines: at 19 % there is no tax on the document."),
]


def test_every_currency_is_written_or_refused():
    assert len(MINOR_UNITS) >= 160
    assert [code for code in sorted(MINOR_UNITS) if not is_written_or_refused(code)] == []


def is_written_or_refused(code: str) -> bool:
    facts = document(fee("9"), currency=code)
    try:
        is_written = f">{code}</ram:InvoiceCurrencyCode>".encode() in to_cii(to_einvoice(facts))
    except EInvoiceImpossible as refusal:
        return (minor_unit(code) < CENT or code in WITHDRAWN) and f"currency: {code}" in str(refusal)
    return is_written and not (minor_unit(code) < CENT or code in WITHDRAWN)


@pytest.mark.parametrize(("facts", "reason"), REFUSED)
def test_the_reason_names_the_fact(facts: InvoiceFacts, reason: str):
    with pytest.raises(EInvoiceImpossible) as refusal:
        to_einvoice(facts)
    assert refusal.value.problems == (reason,)


def test_all_reasons_are_reported_at_once():
    with pytest.raises(EInvoiceImpossible) as refusal:
        to_einvoice(document(fee("9"), currency="KWD", seller=replace(NO_ONE, country="XA"), branding=Branding()))
    assert len(refusal.value.problems) == 4
