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
    (document(fee("9"), number="", state="draft"), "A draft has no number. Issue it first."),
    (
        document(fee("9"), currency="KWD"),
        "KWD has more than two decimal places, which the standard doesn't allow.",
    ),
    (
        document(fee("9"), currency="BGN"),
        "BGN is no longer in use. The standard allows current currencies only.",
    ),
    (
        document(fee("9", "\u202e \x0b")),
        "A line's description has no visible character. Credit the invoice and issue it again.",
    ),
    (
        document(fee("9"), buyer=replace(BUYER, legal_name="\u202e")),
        "The customer's legal name has no visible character. Correct it on the customer's page.",
    ),
    (
        document(
            fee("9"), rates="0", seller=replace(SELLER, tax_number=""), buyer=BUYER, tax_reason="Reverse charge"
        ),
        "The seller has no VAT ID or tax number. Enter it on the seller's page.",
    ),
    (
        document(fee("9"), seller=NO_ONE),
        "The seller has no VAT ID or tax number. Enter it on the seller's page.",
    ),
    (
        document(fee("9"), seller=AMERICAN, branding=Branding()),
        "A seller without a VAT ID needs a company number. Enter it on the seller's page.",
    ),
    (
        document(fee("9"), rates="0", seller=AMERICAN, branding=replace(LOOK, company_number="")),
        "A seller without a VAT ID needs a company number. Enter it on the seller's page.",
    ),
    (
        replace(
            document(fee("9"), rates="0", buyer=replace(BUYER, tax_number="")),
            taxes=(TaxFacts("VAT", D(0), "Reverse charge", D(9), D(0), category="AE"),),
        ),
        "Reverse charge requires the customer's VAT ID. Enter it on the customer's page.",
    ),
    (
        document(fee("9"), buyer=replace(BUYER, country="ZZ")),
        "The customer's country “ZZ” is not an ISO 3166 code. Correct it on the customer's page.",
    ),
    (
        replace(document(fee("9"), rates="4"), taxes=TWO_TAXES),
        "A line has several taxes. The standard allows one per line; bill such lines on separate invoices.",
    ),
    (
        replace(document(fee("9"), rates="0"), taxes=TWO_REASONS),
        "Lines with the same rate have different tax categories. Bill them on separate invoices.",
    ),
    (
        replace(document(fee("9")), taxes=BESIDE),
        "Lines outside the scope of tax can't be combined with other lines. Bill them on separate invoices.",
    ),
    (replace(document(fee("9")), taxes=TWO_TAXES[:1]), "A line is taxed at 19%, but the invoice has no such tax."),
]


def test_every_currency_is_written_or_refused():
    assert len(MINOR_UNITS) >= 160
    assert [code for code in sorted(MINOR_UNITS) if not is_written_or_refused(code)] == []


def is_written_or_refused(code: str) -> bool:
    facts = document(fee("9"), currency=code)
    try:
        is_written = f">{code}</ram:InvoiceCurrencyCode>".encode() in to_cii(to_einvoice(facts))
    except EInvoiceImpossible as refusal:
        return (minor_unit(code) < CENT or code in WITHDRAWN) and f"{code} " in str(refusal)
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
