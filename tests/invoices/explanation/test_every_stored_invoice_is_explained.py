"""Every invoice and credit note of the full books is explained exactly, in each language."""

from itertools import chain

import pytest

from invoices.explanation.parts import fold
from invoices.explanation.reader import explain_invoices
from invoices.models import DocumentKind, Invoice
from tests.invoices.explanation.printed_amounts import printed_steps, printed_sum
from tests.invoices.explanation.sample_invoices import LOCALES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("full_books")]


def test_amounts_sum_to_each_invoice_and_steps_to_each_difference():
    invoices = list(Invoice.objects.all())
    readers = [(invoice.pk, locale) for invoice in invoices for locale in LOCALES.values()]
    explanations = explain_invoices(invoices, readers)
    assert len(explanations) == len(readers)
    totals = {invoice.pk: invoice.total.amount for invoice in invoices}
    currencies = {invoice.pk: str(invoice.currency) for invoice in invoices}
    for (invoice_id, locale), explanation in explanations.items():
        total, currency = totals[invoice_id], currencies[invoice_id]
        assert sum(part.amount for part in fold(explanation.parts)) == total, explanation.text
        if explanation.parts:
            assert printed_sum(explanation.sentences[0], currency, locale) == (total, total), explanation.text
        if bridge := explanation.bridge:
            difference = total - totals[bridge.former_id]
            assert sum(step.amount for step in bridge.steps) == bridge.difference == difference
            sentence = next(text for text in explanation.sentences[1:] if bridge.former_number in text)
            assert printed_steps(sentence, currency, locale) == difference, explanation.text


def test_the_books_have_every_kind():
    """Otherwise the test above would say little."""
    invoices = list(Invoice.objects.all())
    explanations = explain_invoices(invoices, [(invoice.pk, LOCALES["en_US"]) for invoice in invoices]).values()
    assert {part.kind for explanation in explanations for part in explanation.parts} == {
        *("fee", "usage", "other", "discount", "tax"),
    }
    steps = chain.from_iterable(explanation.bridge.steps for explanation in explanations if explanation.bridge)
    assert {step.effect for step in steps} >= {"quantity", "new", "ended", "change", "discount", "tax"}
    assert {invoice.kind for invoice in invoices} == set(DocumentKind.values)
    assert any(invoice.reference.startswith("periods:") for invoice in invoices)
    assert any(invoice.reference.startswith("claim:") for invoice in invoices)
