"""A credit note is labeled as one, names the invoice that it corrects and the reason, and requests no payment."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from invoices.rendering.invoice_facts import InvoiceFacts
from invoices.rendering.page_content import compose
from tests.invoices.rendering.samples import fee, invoice

D = Decimal
LESS = {"cumulative": "60.00", "billed_before": "100.00", "quantity": "600", "quantity_before": "1000", "parts": []}


@pytest.fixture
def note() -> InvoiceFacts:
    credited = fee("40.00", "API calls", kind="usage_credit", explanation=LESS)
    facts = invoice(credited, number="CN-000007")
    corrects = ("INV-000042", date(2026, 11, 1))
    return replace(facts, kind="credit_note", corrects=corrects, reason="Test calls were counted")


HEADINGS = [
    # locale  heading            corrects                                   headline
    ("en_IE", "Credit note", ("Corrects invoice", "INV-000042 of 1 November 2026"), "€47.60 credited"),
    (
        "de_DE",
        "Rechnungskorrektur",
        ("Berichtigt Rechnung", "INV-000042 vom 1. November 2026"),
        "47,60\xa0€ gutgeschrieben",
    ),
    ("fr_FR", "Avoir", ("Rectifie la facture", "INV-000042 du 1 novembre 2026"), "47,60\xa0€ crédités"),
]


@pytest.mark.parametrize(("locale", "heading", "corrects", "headline"), HEADINGS)
def test_it_is_titled_and_names_its_invoice(
    note: InvoiceFacts, locale: str, heading: str, corrects: tuple[str, str], headline: str
):
    page = compose(replace(note, locale=locale))
    assert (page.heading, page.title) == (heading, f"{heading} CN-000007")
    assert corrects in page.meta
    assert page.headline == headline


def test_it_has_a_reason_and_no_due_date(note: InvoiceFacts):
    page = compose(note)
    assert ("Reason", "Test calls were counted") in page.meta
    assert "Date due" not in dict(page.meta)
    assert (page.due, page.bank_details) == ("Amount credited", "")


def test_a_usage_credit_shows_the_billed_and_the_corrected_amount(note: InvoiceFacts):
    (line,) = compose(note).lines
    workings = [(row.label, row.quantity, row.amount) for row in line.workings]
    assert workings == [("Already billed", "1,000", "€100.00"), ("Recalculated amount", "600", "-€60.00")]


def test_a_replacement_names_the_replaced_invoice():
    facts = replace(invoice(fee("10")), corrects=("INV-000041", date(2026, 10, 1)))
    assert ("Replaces invoice", "INV-000041 of 1 October 2026") in compose(facts).meta
