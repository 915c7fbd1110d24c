"""The page of an invoice begins with its explanation, in the visitor's language."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.closing import close_due
from customers.models import Customer
from invoices.explanation import reader
from invoices.models import Invoice
from tests.builders import FEB, fee, make_plan, publish, subscribe
from tests.portal.accounts import DAY

pytestmark = pytest.mark.django_db

LOCALES = {"en": "en_US", "de": "de_DE"}
SENTENCES = {
    "en": ["$98.39 = Base fee $19.99 + 1,205 calls $78.40.", "That is $78.40 (392.2%) more than"],
    "de": ["98,39 $ = Base fee 19,99 $ + 1.205 Aufrufe 78,40 $.", "Das sind 78,40 $ (392,2 %) mehr als bei"],
}


def shown_sentences(client, invoice):
    page = client.get(f"/portal/invoices/{invoice.pk}").content.decode()
    panel = re.search(r"<h2>(?:Why this amount|Warum dieser Betrag)</h2>(.*?)</section>", page, re.S)[1]
    assert "style=" not in panel
    assert page.index(panel) < page.index('class="invoice-lines"'), "above the lines"
    return [unescape(text).replace("\N{NO-BREAK SPACE}", " ") for text in re.findall(r"<p>(.*?)</p>", panel)]


@pytest.mark.parametrize("language", SENTENCES)
def test_the_sentences_are_above_the_lines(own, language):
    Customer.objects.filter(pk=own.customer.pk).update(locale=LOCALES[language])
    client = own.client()
    first, second, *_ = shown_sentences(client, own.invoice)
    assert first == SENTENCES[language][0]
    assert second.startswith(SENTENCES[language][1])


def test_the_page_runs_as_many_queries_for_many_lines_as_for_few(own):
    fees = [fee(number, label=f"Fee {number}", code=f"fee-{number}") for number in range(1, 30)]
    subscribe(own.customer, publish(make_plan("many", fees=fees)), starts_at=FEB)
    close_due(at=FEB + DAY * 2)
    many = Invoice.objects.filter(customer=own.customer).latest("pk")
    assert many.lines.count() > 20
    first = Invoice.objects.filter(customer=own.customer, reference__startswith="period:").earliest("pk")
    client, counts = own.client(), []
    for invoice in (first, many):
        client.get(f"/portal/invoices/{invoice.pk}")
        with CaptureQueriesContext(connection) as captured:
            client.get(f"/portal/invoices/{invoice.pk}")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_an_invoice_that_is_too_long_has_none(own, monkeypatch):
    monkeypatch.setattr(reader, "MAX_LINES", 1)
    page = own.client().get(f"/portal/invoices/{own.invoice.pk}").content.decode()
    assert "Why this amount" not in page
    assert 'class="invoice-lines"' in page
