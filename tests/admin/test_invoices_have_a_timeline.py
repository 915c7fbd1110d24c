"""An invoice's page begins with the amount due, and its timeline lists the past and the next steps."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from customers.models import Contact, Notification
from customers.notifications.fan_out import fan_out
from invoices.admin.invoice_timeline import read_invoice_timeline
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.documents.invoice_email import send_invoice_again
from invoices.documents.past_due import mark_overdue
from invoices.documents.staff_notes import NoteRefused, add_note
from invoices.models import DunningStep, Invoice, InvoiceNote, PayerAccount, PaymentMethod
from invoices.payments import attempts
from invoices.payments.dunning.dunning_run import run_dunning
from invoices.payments.manual_payments import record_payment
from invoices.payments.providers import ProviderResponse
from invoices.payments.write_offs import write_off
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer

DUE = FEB + timedelta(days=1)


@pytest.fixture
def invoice(db):
    customer = make_customer("acme", legal_name="Acme", currency="EUR")
    Contact.objects.create(customer=customer, name="Bea", email="bea@acme.example")
    account = PayerAccount.objects.create(customer=customer, provider="stripe", ref="cus_1", created_at=FEB)
    PaymentMethod.objects.create(account=account, ref="pm_1", label="Visa 4242", is_default=True, created_at=FEB)
    for days, action in ((7, "remind"), (30, "pause")):
        DunningStep.objects.create(seller=customer.seller, days=days, action=action)
    return make_invoice(customer)


def page(client, invoice):
    return client.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()


def shown(invoice, *, at, shows_write_off=True):
    timeline = read_invoice_timeline(
        Invoice.objects.select_related("customer", "seller").get(pk=invoice.pk),
        at=at,
        shows_write_off=shows_write_off,
    )
    return [entry.text for entry in timeline.past], [entry.text for entry in timeline.to_come]


def make_history(invoice, user):
    at = DUE + timedelta(days=8)
    mark_overdue(at=at)
    run_dunning(at=at)
    declined = attempts.start_payment(invoice_id=invoice.pk, at=at + timedelta(hours=1))
    response = ProviderResponse("declined", "pi_1", reason="No funds")
    attempts.record_outcome(attempt_id=declined.pk, response=response, at=at + timedelta(hours=2))
    record_payment(
        invoice_id=invoice.pk, amount=Decimal(10), method="manual", reference="T-1", at=at + timedelta(hours=3)
    )
    credits = [RequestedCredit(1, Decimal(1))]
    issue_credit_note(invoice_id=invoice.pk, lines=credits, reason="Outage", to="offset", at=at + timedelta(hours=4))
    add_note(invoice_id=invoice.pk, text="They pay on the 27th.", at=at + timedelta(hours=5), by=user)
    send_invoice_again(invoice_id=invoice.pk, key="x", at=at + timedelta(hours=6), by=user)
    fan_out(at=at)
    return at + timedelta(hours=7)


def test_everything_is_in_one_list_with_the_steps_to_come(invoice, django_user_model):
    at = make_history(invoice, django_user_model.objects.create(username="maya", first_name="Maya"))
    past, to_come = shown(invoice, at=at)
    assert past == [
        "Sent again",
        "Note by Maya",
        "Credit note CN-000001, €1.19",
        "Paid €10.00",
        "Charge of €17.85 was declined",
        "Notice of the missed due date",
        "Reminder",
        "Due, not paid",
        "Issued for €17.85",
    ]
    assert to_come == ["Pause the subscription"]


def test_before_the_due_date_the_payment_comes_next(invoice):
    past, to_come = shown(invoice, at=FEB + timedelta(hours=1))
    assert past == ["Issued for €17.85"]
    assert to_come == ["Payment is due", "Send a reminder", "Pause the subscription"]


def test_a_write_off_is_for_those_who_may_see_it_and_ends_what_comes(invoice):
    mark_overdue(at=DUE + timedelta(days=1))
    write_off(invoice_id=invoice.pk, reason="insolvent", at=DUE + timedelta(days=2))
    at = DUE + timedelta(days=3)
    assert shown(invoice, at=at) == (["Wrote off €17.85", "Issued for €17.85"], [])
    assert shown(invoice, at=at, shows_write_off=False) == (["Issued for €17.85"], [])


def test_the_page_begins_with_what_is_due_and_the_primary_button(member, invoice):
    mark_overdue(at=timezone.now())
    text = page(member("finance"), invoice)
    days = (timezone.now().date() - FEB.date()).days
    assert "€17.85 due" in text
    assert f"{days} days past due" in text
    assert text.index("€17.85 due") < text.index('id="lines-heading"') < text.index('id="timeline-heading"')
    primary = re.findall(r"<li[^>]*bg-primary[^>]*>.*?</li>", text, re.DOTALL)
    assert ["Charge card" in button for button in primary] == [True]


def test_it_takes_as_many_queries_for_a_long_history(member, invoice, django_user_model):
    client, user = member("finance"), django_user_model.objects.create(username="maya")
    page(client, invoice)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page(client, invoice)
        counts.append(len(queries))
        for number in range(5):
            add_note(invoice_id=invoice.pk, text=f"note {number}", at=FEB, by=user)
            send_invoice_again(invoice_id=invoice.pk, key=str(number), at=FEB, by=user)
        fan_out(at=FEB)
    assert counts[0] <= counts[1] <= counts[0] + 1, "one more for the emails' recipients"


def test_staff_add_notes_that_customers_never_see(member, invoice):
    client, address = member("operations"), f"/admin/invoices/invoice/{invoice.pk}/add_note/"
    assert "text" in client.post(address, {"text": " "}).context["form"].errors
    text = client.post(address, {"text": "They pay on the 27th."}, follow=True).content.decode()
    assert "They pay on the 27th." in text
    assert "Note by Operations" in text
    assert member("support").post(address, {"text": "x"}).status_code == 403
    note = InvoiceNote.objects.get()
    assert invoice.events.latest("pgh_id").pgh_context.metadata["user"] == note.by_id


def test_drafts_take_no_notes(invoice, django_user_model):
    draft = make_invoice(invoice.customer, issue=False)
    with pytest.raises(NoteRefused):
        add_note(invoice_id=draft.pk, text="x", at=FEB, by=django_user_model.objects.create(username="maya"))


def test_one_invoice_is_sent_again(member, invoice):
    client, address = member("support"), f"/admin/invoices/invoice/{invoice.pk}/send_again/"
    assert "bea@acme.example" in client.get(address).content.decode()
    for _ in range(2):
        client.post(address)
    assert Notification.objects.filter(kind="invoice.resent").count() == 1, "a button pressed twice"
    Contact.objects.all().delete()
    assert "no contact who receives invoices" in client.get(address).content.decode()
