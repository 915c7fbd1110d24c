"""Explanations of stored invoices: the former invoice, and a constant number of queries."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.closing import close_due
from billing.closing.former_invoices import find_former_invoices
from invoices.credit_notes import void_invoice
from invoices.explanation import reader
from invoices.explanation.explanation import explanation_locale
from invoices.explanation.reader import explain_invoice, explain_invoices
from invoices.models import Invoice, Line
from tests.builders import FEB, MAR, fee, make_customer, make_plan, publish, subscribe
from tests.invoices.explanation.monthly_invoices import HOUR, make_monthly_invoices

pytestmark = pytest.mark.django_db

EN = explanation_locale("en_US")


def test_an_invoice_is_compared_with_that_of_the_month_before():
    invoices = make_monthly_invoices()
    assert find_former_invoices([invoice.pk for invoice in Invoice.objects.all()]) == {
        invoices.january.pk: invoices.opening.pk,
        invoices.february.pk: invoices.january.pk,
    }
    assert explain_invoice(invoices.february, locale=EN).text == (
        "$109.00 = Platform fee $99.00 + 1 extra seat $5.00 + 1.5\N{NO-BREAK SPACE}M tokens $3.00 + 200 extra"
        " requests $2.00. That is $6.30 (6.1%) more than INV-000002 of February 2, 2026: $5.00 for 1 more seat, $0.60"
        " for 25% more tokens, and $0.70 for 16.3% more requests. No price changed."
    )


def test_a_void_invoice_is_passed_over():
    invoices = make_monthly_invoices()
    void_invoice(invoice_id=invoices.january.pk, reason="Wrong", at=MAR + timedelta(days=2))
    assert find_former_invoices([invoices.february.pk]) == {invoices.february.pk: invoices.opening.pk}


def test_invoices_of_other_subscriptions_are_not_compared():
    first = make_monthly_invoices("acme")
    make_monthly_invoices("globex", seller=first.customer.seller)
    subscribe(first.customer, publish(make_plan("other", fees=[fee("7")])))
    close_due(at=MAR + timedelta(days=3))
    assert find_former_invoices([first.january.pk, first.february.pk]) == {
        first.january.pk: first.opening.pk,
        first.february.pk: first.january.pk,
    }


def test_a_consolidated_invoice_names_its_subscriptions():
    customer = make_customer(one_document=True)
    for name, amount in (("alpha", "30"), ("beta", "20")):
        subscribe(customer, publish(make_plan(name, fees=[fee(amount, billed="arrears")])), external_id=name)
    close_due(at=FEB + HOUR)
    close_due(at=MAR + HOUR)
    january, february = Invoice.objects.order_by("pk")
    assert explain_invoice(january, locale=EN).text == "$50.00 = alpha $30.00 + beta $20.00."
    assert explain_invoice(february, locale=EN).text == (
        "$50.00 = alpha $30.00 + beta $20.00. That is as much as INV-000001 of February 1, 2026. No price changed."
    )


def test_any_number_of_invoices_takes_the_same_queries():
    invoices = make_monthly_invoices()
    documents = list(Invoice.objects.order_by("pk"))
    counts = []
    for chosen in ([invoices.february], documents):
        with CaptureQueriesContext(connection) as captured:
            assert len(explain_invoices(chosen, [(invoice.pk, EN) for invoice in chosen])) == len(chosen)
        counts.append(len(captured))
    assert counts == [6, 6]


def test_an_invoice_with_too_many_lines_is_not_explained(monkeypatch):
    invoices = make_monthly_invoices()
    lines = Line.objects.filter(invoice=invoices.february).count()
    monkeypatch.setattr(reader, "MAX_LINES", lines)
    assert explain_invoice(invoices.february, locale=EN) is not None
    monkeypatch.setattr(reader, "MAX_LINES", lines - 1)
    assert explain_invoice(invoices.february, locale=EN) is None


def test_workings_of_an_unknown_form_keep_no_page_from_its_reader(monkeypatch, caplog):
    invoices = make_monthly_invoices()

    def fail(*args, **kwargs):
        raise KeyError("share")

    monkeypatch.setattr(reader, "explain", fail)
    assert explain_invoice(invoices.february, locale=EN) is None
    assert f"Invoice {invoices.february.pk} can't be explained." in caplog.text


def test_without_a_finder_there_is_no_bridge(settings):
    settings.FORMER_INVOICES = ""
    assert explain_invoice(make_monthly_invoices().february, locale=EN).bridge is None


LOCALES = [
    # customer's   reader's
    ("de_AT", "de_AT"),
    ("fr-CA", "fr_CA"),
    ("it_IT", "en_IT"),
    ("hi_IN", "en_IN"),
    ("es", "es"),
    ("xx", "en_001"),
]


@pytest.mark.parametrize(("name", "locale"), LOCALES)
def test_a_language_without_translation_gets_english(name, locale):
    assert str(explanation_locale(name)) == locale


def test_the_opening_invoice_has_no_former_one():
    assert explain_invoice(make_monthly_invoices().opening, locale=EN).text == "$99.00 = Platform fee $99.00."
