"""Mails about an issued invoice, or its explanation alone, have its sentences in the reader's language."""

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers.models import Contact, EmailTemplate
from customers.notifications.delivery_queue import claim_due
from customers.notifications.email_preparation import add_senders
from customers.notifications.fan_out import fan_out
from invoices.explanation.customer_email import send_explanation
from invoices.models import Rendering
from tests.builders import MAR
from tests.customers.notifications.announcements import NOW, announce_alert, send
from tests.invoices.explanation.monthly_invoices import make_monthly_invoices

pytestmark = pytest.mark.django_db

ENGLISH = "$109.00 = Platform fee $99.00 + 1 extra seat $5.00 + 1.5 M tokens $3.00 + 200 extra requests $2.00."
GERMAN = "109,00 $ = Platform fee 99,00 $ + 1 Nutzerplatz zusätzlich 5,00 $ + 1,5 Mio. Token 3,00 $"


@pytest.fixture
def invoices():
    invoices = make_monthly_invoices(legal_name="Acme GmbH")
    Contact.objects.create(customer=invoices.customer, name="Bea", email="bea@acme.example")
    return invoices


@pytest.fixture
def german(invoices):
    return Contact.objects.create(customer=invoices.customer, name="Kai", email="kai@acme.example", language="de")


def issue_facts(invoice):
    Rendering.objects.create(invoice=invoice, content=b"%PDF", sha256="0" * 64, rendered_at=NOW)
    facts = {"invoice": invoice.pk, "document": "invoice", "number": invoice.number}
    return {**facts, "total": "109.00", "currency": "USD", "due_date": "2026-03-15"}


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def messages():
    return {message.to[0]: message for message in mail.outbox}


def test_the_mail_of_an_issued_invoice_has_the_sentences_as_text_and_html(invoices, german):
    announce_alert(invoices.customer, kind="invoice.issued", **issue_facts(invoices.february))
    send()
    message = messages()["bea@acme.example"]
    assert f"\n\n{ENGLISH} That is $6.30 (6.1%) more than INV-000002 of February 2, 2026:" in plain(message.body)
    assert ENGLISH in plain(message.alternatives[0][0])
    assert GERMAN in plain(messages()["kai@acme.example"].body)


def test_staff_send_the_explanation_alone(invoices, german):
    send_explanation(invoice_id=invoices.february.pk, at=MAR)
    send()
    message = messages()["bea@acme.example"]
    assert message.subject == "Invoice INV-000003 explained: $109.00"
    assert "This is how invoice INV-000003 is made up." in message.body
    assert ENGLISH in plain(message.body)
    assert message.attachments == []
    assert messages()["kai@acme.example"].subject == "Rechnung INV-000003 erklärt: 109,00\N{NO-BREAK SPACE}$"
    assert GERMAN in plain(messages()["kai@acme.example"].body)


def test_a_second_click_in_the_same_minute_sends_nothing_more(invoices):
    for _ in range(2):
        send_explanation(invoice_id=invoices.february.pk, at=MAR)
    send()
    assert len(mail.outbox) == 1


def test_a_wording_of_the_seller_may_contain_it(invoices):
    EmailTemplate.objects.create(
        kind="invoice.issued", language="en", subject="Invoice {number}", body="Dear {customer_name}\n\n{explanation}"
    )
    announce_alert(invoices.customer, kind="invoice.issued", **issue_facts(invoices.february))
    send()
    assert f"Dear Acme GmbH\n\n{ENGLISH}" in plain(mail.outbox[0].body)


def test_mails_of_many_invoices_take_the_same_queries(invoices):
    counts = []
    for number, documents in enumerate(
        ([invoices.february], [invoices.opening, invoices.january, invoices.february])
    ):
        for invoice in documents:
            facts = {
                "invoice": invoice.pk,
                "document": "invoice",
                "number": invoice.number,
                "total": "1",
                "currency": "USD",
            }
            announce_alert(invoices.customer, f"{number}:{invoice.pk}", kind="invoice.explained", **facts)
        fan_out(at=NOW)
        claims = claim_due(at=NOW, most=8)
        assert len(claims) == len(documents)
        with CaptureQueriesContext(connection) as captured:
            add_senders(claims)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_without_a_reader_of_explanations_the_mail_has_none(invoices, settings):
    settings.EMAIL_EXPLANATIONS = ""
    announce_alert(invoices.customer, kind="invoice.issued", **issue_facts(invoices.february))
    send()
    assert "Your invoice INV-000003 is $109.00" in mail.outbox[0].body
    assert "Platform fee" not in mail.outbox[0].body
