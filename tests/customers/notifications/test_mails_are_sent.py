"""Contacts and account owners get their mails with all facts; a mail that can't be sent is retried."""

from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.template.loader import get_template

from customers.models import Contact, Delivery, Seller
from customers.notifications import announce
from customers.notifications.delivery_run import deliver
from customers.notifications.fan_out import fan_out
from customers.notifications.kinds import ENDPOINT_DISABLED, KINDS, MailAudience
from invoices.models import Rendering
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer
from tests.customers.notifications.announcements import NOW, announce_alert, later, send, states
from tests.customers.notifications.staff import make_staff

pytestmark = pytest.mark.django_db

LOW_BALANCE = {
    "kind": "low_balance",
    "wallet": 5,
    "wallet_name": "Prepaid",
    "value": "19.50",
    "limit": "100",
    "threshold": 20,
    "unit": "USD",
    "remedy": "top_up",
    "period_start": "2026-05-01T07:00:00+00:00",
}
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
    assert message.subject == "Invoice INV-7: €119.00, due May 18, 2026"
    assert "Your invoice INV-7 is €119.00, due on May 18, 2026." in message.body
    assert "Due date: May 18, 2026" in message.body
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    assert "Your invoice INV-7 is €119.00" in html


def test_shows_no_internal_fact(acme):
    announce(
        kind="alert.fired",
        customer_id=acme.pk,
        facts={"alert": 87, "alert_rule": 4, **LOW_BALANCE},
        key="a:1",
        at=NOW,
    )
    send()

    bodies = [message.body for message in mail.outbox]
    assert all("87" not in body and "top_up" not in body and "2026-05" not in body for body in bodies)
    assert "The balance is $19.50: below 20% of $100.00." in bodies[0]


def test_has_the_sellers_name_look_and_address(acme):
    acme.seller.brand_color, acme.seller.email = "#ffee00", "billing@seller.example"
    acme.seller.save()
    announce_alert(acme, kind="invoice.issued", **INVOICE)
    send()

    (message,) = mail.outbox
    assert message.from_email.startswith(f"{acme.seller.legal_name} <") or message.from_email.startswith('"')
    assert message.reply_to == ["billing@seller.example"]
    html = message.alternatives[0][0]
    assert acme.seller.legal_name in html
    assert "background:#ffee00" not in html, "white text on it would not be legible"
    assert ".btn { background: #ffee00" in html, "it is legible in a dark theme"
    assert "You receive this email as a contact of Acme GmbH." in message.body


def test_contacts_get_a_button_and_owners_get_none(acme, settings):
    settings.PUBLIC_URL = "https://billing.example"
    announce_alert(acme, kind="topup.failed", wallet=5, purchase=9, reason="declined")
    send()

    texts = {message.to[0]: message for message in mail.outbox}
    assert "Top up: https://billing.example/portal/wallets/5/top-up" in texts["bea@acme.example"].body
    assert 'href="https://billing.example/portal/wallets/5/top-up"' in texts["bea@acme.example"].alternatives[0][0]
    assert "https://" not in texts["olga@tollbook.example"].body
    assert texts["olga@tollbook.example"].subject == "Acme GmbH: Your automatic top-up failed"


def test_has_the_invoices_file_attached_or_waits_for_it(acme):
    invoice = make_invoice(acme)
    announce_alert(acme, kind="invoice.issued", **INVOICE | {"invoice": invoice.pk})
    send()
    assert (mail.outbox, states()) == ([], ["failed"])
    assert "not ready" in Delivery.objects.get().answer

    Rendering.objects.create(invoice=invoice, content=b"%PDF", sha256="0" * 64, rendered_at=NOW)
    send(later(minutes=1))
    (message,) = mail.outbox
    assert message.attachments[-1].filename == f"{invoice.number}.pdf"
    assert message.attachments[-1].content == b"%PDF"


def test_is_sent_without_a_file_that_cannot_be_made(acme):
    announce_alert(acme, kind="invoice.issued", **INVOICE | {"invoice": make_invoice(acme).pk})
    for hours in range(12):
        send(later(hours=hours))
    (message,) = mail.outbox
    assert not message.attachments


def test_links_to_the_invoice_in_the_portal(acme, settings):
    settings.PUBLIC_URL = "https://billing.example"
    settings.EMAIL_FILES = ""
    announce_alert(acme, kind="invoice.issued", invoice=7, **INVOICE)
    send()

    (message,) = mail.outbox
    assert "View invoice: https://billing.example/portal/invoices/7" in message.body
    assert '<a href="https://billing.example/portal/invoices/7"' in message.alternatives[0][0]


def test_links_lead_to_the_domain_of_the_seller(acme, settings):
    settings.PUBLIC_URL = "https://billing.example"
    settings.EMAIL_FILES = ""
    Seller.objects.update(portal_host="accounts.acme.example")
    announce_alert(acme, kind="invoice.issued", invoice=7, **INVOICE)
    send()

    (message,) = mail.outbox
    assert "View invoice: https://accounts.acme.example/portal/invoices/7" in message.body
    assert "billing.example" not in message.body


def test_text_from_outside_can_not_inject_into_the_mail(acme):
    announce_alert(acme, value="7", wallet_name="80 %\r\nBcc: all@acme.example\r\n\r\nPay <b>me</b>", other="a\n\nb")
    send()

    (message,) = (message for message in mail.outbox if message.to == ["al@acme.example"])
    assert message.subject == "80 % Bcc: all@acme.example Pay <b>me</b>: 7 used"
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


def test_is_in_the_contacts_language_if_it_is_translated(acme):
    Contact.objects.create(customer=acme, email="uwe@acme.example", language="de")
    announce_alert(acme, kind="invoice.issued", **INVOICE)
    send()

    assert {message.to[0]: message.subject for message in mail.outbox} == {
        "bea@acme.example": "Invoice INV-7: €119.00, due May 18, 2026",
        "uwe@acme.example": "Rechnung INV-7: 119,00\xa0€, fällig am 18. Mai 2026",
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
