"""Contacts and account owners get their mails with all facts; a mail that can't be sent is retried."""

from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.template.loader import get_template

from customers.models import Contact, Delivery
from customers.notifications.delivery_run import deliver
from customers.notifications.fan_out import fan_out
from customers.notifications.kinds import ENDPOINT_DISABLED, KINDS, MailAudience
from tests.builders import make_customer
from tests.customers.notifications.announcements import NOW, announce_alert, later, send, states
from tests.customers.notifications.staff import make_staff

pytestmark = pytest.mark.django_db

INVOICE = {"number": "INV-7", "total": "119.00", "currency": "EUR", "due_date": "2026-05-18", "document": "invoice"}


@pytest.fixture
def acme():
    customer = make_customer("acme", legal_name="Acme GmbH", owner=make_staff("olga"))
    Contact.objects.create(customer=customer, name="Bea", email="bea@acme.example", alerts=False)
    Contact.objects.create(customer=customer, name="Al", email="al@acme.example", billing=False)
    return customer


def sent_to() -> list[str]:
    return sorted(message.to[0] for message in mail.outbox)


@pytest.mark.parametrize(
    ("kind", "recipients"),
    [
        ("invoice.issued", ["bea@acme.example"]),
        ("alert.fired", ["al@acme.example", "olga@tollbook.example"]),
        ("topup.failed", ["bea@acme.example", "olga@tollbook.example"]),
        ("subscription.created", []),
        ("subscription.ended", ["olga@tollbook.example"]),
    ],
)
def test_goes_to_the_contacts_for_its_kind(acme, kind, recipients):
    announce_alert(acme, kind=kind)
    send()

    assert sent_to() == recipients


def test_has_the_total_in_its_subject_and_the_facts_in_its_body(acme):
    announce_alert(acme, kind="invoice.issued", **INVOICE)
    send()

    (message,) = mail.outbox
    assert message.subject == "Invoice INV-7: 119.00 EUR"
    assert "Acme GmbH has a new invoice, INV-7, of 119.00 EUR. It is due on 2026-05-18." in message.body
    assert "Due date: 2026-05-18" in message.body
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    assert "Acme GmbH has a new invoice" in html


def test_links_to_the_invoice_in_the_portal(acme, settings):
    settings.PUBLIC_URL = "https://billing.example"
    announce_alert(acme, kind="invoice.issued", invoice=7, **INVOICE)
    send()

    (message,) = mail.outbox
    assert "Online: https://billing.example/portal/invoices/7" in message.body
    assert '<a href="https://billing.example/portal/invoices/7"' in message.alternatives[0][0]


def test_text_from_outside_can_not_inject_into_the_mail(acme):
    announce_alert(acme, value="7", feature="80 %\r\nBcc: all@acme.example\r\n\r\nPay <b>me</b>", other="a\n\nb")
    send()

    message = mail.outbox[0]
    assert message.subject == "Acme GmbH: 80 % Bcc: all@acme.example Pay <b>me</b> is at 7"
    assert message.recipients() == message.to
    assert "<b>me" not in message.alternatives[0][0]


def test_no_mail_is_sent_about_a_sandbox(settings):
    customer = make_customer("try", sandbox=True, owner=make_staff("olga"))
    Contact.objects.create(customer=customer, email="bea@acme.example")
    announce_alert(customer)
    send()

    assert (mail.outbox, states()) == ([], [])


def test_a_removed_contact_or_inactive_owner_gets_no_mail(acme):
    announce_alert(acme)
    fan_out(at=NOW)
    Contact.objects.all().delete()
    acme.owner.is_active = False
    acme.owner.save()
    deliver(clock=lambda: NOW)

    assert (mail.outbox, set(states())) == ([], {"given_up"})


class Failing(EmailBackend):
    """A mail server that is unavailable for a while."""

    away = True

    def send_messages(self, messages):
        if Failing.away:
            raise SMTPServerDisconnected("try later")
        return super().send_messages(messages)


def test_is_retried_if_the_mail_server_is_unavailable(acme, settings, monkeypatch):
    settings.EMAIL_BACKEND = f"{__name__}.Failing"
    monkeypatch.setattr(Failing, "away", True)
    announce_alert(acme, kind="invoice.issued", **INVOICE)
    send()
    assert (states(), mail.outbox) == (["failed"], [])
    assert Delivery.objects.get().answer == "SMTPServerDisconnected: try later"

    monkeypatch.setattr(Failing, "away", False)
    send(later(minutes=1))
    assert (states(), sent_to()) == (["delivered"], ["bea@acme.example"])


def test_is_in_the_contacts_language_if_it_is_translated(acme, settings, tmp_path):
    folder = tmp_path / "email" / "de"
    folder.mkdir(parents=True)
    (folder / "invoice.issued.txt").write_text("Rechnung {{ number }}\nEs gibt eine neue Rechnung.")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
    Contact.objects.create(customer=acme, email="uwe@acme.example", language="de")
    announce_alert(acme, kind="invoice.issued", **INVOICE)
    send()

    assert {message.to[0]: message.subject for message in mail.outbox} == {
        "bea@acme.example": "Invoice INV-7: 119.00 EUR",
        "uwe@acme.example": "Rechnung INV-7",
    }


MAILED = [
    *(name for name, kind in KINDS.items() if kind.mail is not MailAudience.NOBODY or kind.to_owner),
    ENDPOINT_DISABLED,
]


@pytest.mark.parametrize("kind", MAILED)
def test_every_kind_has_its_own_mail(kind):
    subject, _, body = get_template(f"email/{kind}.txt").render({"customer_name": "Acme"}).partition("\n")

    assert subject.strip()
    assert body.strip()
