"""A credit note says that it is one, which invoice it corrects and why, and asks for no money."""

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
    ("en_IE", "Credit note", ("Corrects", "INV-000042 of 1 November 2026"), "€47.60 credited"),
    ("de_DE", "Gutschrift", ("Berichtigt", "INV-000042 vom 1. November 2026"), "47,60\xa0€ gutgeschrieben"),
    ("fr_FR", "Avoir", ("Rectifie", "INV-000042 du 1 novembre 2026"), "47,60\xa0€ crédités"),
]


@pytest.mark.parametrize(("locale", "heading", "corrects", "headline"), HEADINGS)
def test_it_is_titled_and_names_its_invoice(
    note: InvoiceFacts, locale: str, heading: str, corrects: tuple[str, str], headline: str
):
    document = compose(replace(note, locale=locale))
    assert (document.heading, document.title) == (heading, f"{heading} CN-000007")
    assert corrects in document.meta
    assert document.headline == headline


def test_it_says_why_and_has_no_day_to_pay_by(note: InvoiceFacts):
    document = compose(note)
    assert ("Reason", "Test calls were counted") in document.meta
    assert "Date due" not in dict(document.meta)
    assert (document.due, document.bank_details) == ("Amount credited", "")


def test_a_credit_of_usage_says_what_it_was_billed_with_and_comes_to_now(note: InvoiceFacts):
    (line,) = compose(note).lines
    told = [(row.label, row.quantity, row.amount) for row in line.workings]
    assert told == [("Billed before", "1,000", "€100.00"), ("Comes to now", "600", "-€60.00")]


def test_an_invoice_in_place_of_another_says_so():
    facts = replace(invoice(fee("10")), corrects=("INV-000041", date(2026, 10, 1)))
    assert ("Replaces", "INV-000041 of 1 October 2026") in compose(facts).meta
