"""
The Stripe adapter collects, saves, replaces and refunds at localstripe, a Stripe that others wrote: its answers, its
errors and its signed events are not ours.
"""

import json
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.test import Client
from django.utils import timezone

from invoices.credit_notes import issue_credit_note
from invoices.models import PayerAccount, PaymentMethod, Refund
from invoices.payments import attempts
from invoices.payments.attempts import PaymentAttemptRefused, start_payment, submit_attempt
from invoices.payments.attempts.checkout import setup_page
from invoices.payments.attempts.payment_methods import remove_payment_method, sync_payment_methods
from invoices.payments.provider_webhooks.event_followup import process_events
from invoices.payments.reconciliation import reconcile
from invoices.payments.refunds.refund import submit_due_refunds
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_seller
from tests.stripe.cards import leave_card
from tests.stripe.localstripe import (
    FAILING_CARD,
    FAILING_IBAN,
    IBAN,
    LocalstripeError,
    bank_details,
    card_details,
)
from tests.stripe.server import FAULTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    return make_invoice(make_customer("acme", seller=make_seller(), currency="EUR"), net="20.00", tax="3.80")


@pytest.fixture
def now(invoice):
    return invoice.issued_at


@pytest.fixture
def at_localstripe(localstripe_server):
    return localstripe_server.books


def state(invoice):
    invoice.refresh_from_db()
    return invoice.state, invoice.paid


def charge(invoice, now):
    return submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)


def follow(attempt):
    """Let time pass until a payment attempt has an outcome."""
    for _ in range(20):
        if attempt.state != "pending":
            break
        attempt = submit_attempt(attempt_id=attempt.pk, at=attempt.next_at)
    return attempt


def save(books, customer, details, *, replaces=None):
    """Save a payment method on a page, and process the page's event."""
    at = timezone.now()
    page = setup_page(customer=customer, key=f"{at.timestamp()}", back_to="https://e.com", at=at, replaces=replaces)
    books.save(books.things[page.rpartition("/")[2]], details)
    assert deliver(books) == "checkout.session.completed"


def deliver(books):
    """Deliver the next event, as it was signed, process it, and return its kind."""
    body, signed = books.events.get(timeout=30)
    response = Client().post(
        "/pay/stripe/events", body, content_type="application/json", headers={"Stripe-Signature": signed}
    )
    assert response.status_code == 200
    process_events(at=timezone.now() + timedelta(hours=1))
    return json.loads(body)["type"]


def methods(customer):
    stored = PaymentMethod.objects.filter(account__customer=customer, removed_at=None).order_by("pk")
    return [(method.label, method.kind, method.is_default) for method in stored]


def test_a_saved_card_is_charged_and_refunded(invoice, at_localstripe, now):
    save(at_localstripe, invoice.customer, card_details("5555555555554444"))
    assert charge(invoice, now).state == "succeeded"
    assert state(invoice) == ("paid", D("23.80"))
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="Sorry", to="refund", at=now)
    submit_due_refunds(at=now)
    [refund] = at_localstripe.of("refund")
    assert (refund["amount"], refund["currency"], Refund.objects.get().state) == (2380, "eur", "succeeded")


def test_a_declined_card_pays_nothing(invoice, at_localstripe, now):
    leave_card(invoice.customer, at_localstripe, declines="card_declined")
    attempt = charge(invoice, now)
    assert (attempt.state, attempt.code, attempt.reason) == ("declined", "card_declined", "Your card was declined.")
    assert state(invoice) == ("issued", 0)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_card_is_charged_once_for_any_failed_request(invoice, at_localstripe, now, fault):
    leave_card(invoice.customer, at_localstripe)
    at_localstripe.faults = [fault]
    attempt = charge(invoice, now)
    assert attempt.state == "pending"
    assert (follow(attempt).state, state(invoice)) == ("succeeded", ("paid", D("23.80")))
    assert len(at_localstripe.taken()) == 1


def test_its_signed_event_settles_a_payment(invoice, at_localstripe, now):
    leave_card(invoice.customer, at_localstripe)
    at_localstripe.faults = ["break_after"]
    assert charge(invoice, now).state == "pending"
    assert deliver(at_localstripe) == "payment_intent.succeeded"
    assert state(invoice) == ("paid", D("23.80"))


def test_a_card_that_is_declined_on_a_page_leaves_it_open(invoice, at_localstripe, now):
    attempt = attempts.open_page(invoice_id=invoice.pk, back_to="https://e.com", at=now)
    session = at_localstripe.things[attempt.ref]
    session["expires_at"] += 10**9  # the invoice was issued long ago, and its page would be closed
    with pytest.raises(LocalstripeError, match="declined"):
        at_localstripe.pay(session, details=card_details(FAILING_CARD))
    at_localstripe.pay(session)
    deliver(at_localstripe)
    assert state(invoice) == ("paid", D("23.80"))


def test_a_replaced_card_makes_way_for_the_new_one(invoice, at_localstripe):
    customer = invoice.customer
    save(at_localstripe, customer, card_details("4242424242424242"))
    earlier = PaymentMethod.objects.get()
    save(at_localstripe, customer, card_details("5555555555554444"), replaces=earlier)
    assert methods(customer) == [("Visa 4444", "card", True)]
    assert at_localstripe.request("GET", f"payment_methods/{earlier.ref}")["customer"] is None


def test_a_replaced_card_stays_while_a_payment_with_it_is_pending(invoice, at_localstripe, now):
    customer = invoice.customer
    save(at_localstripe, customer, card_details("4242424242424242"))
    earlier = PaymentMethod.objects.get()
    start_payment(invoice_id=invoice.pk, at=now)
    with pytest.raises(PaymentAttemptRefused, match="A payment with Visa 4242 is in progress"):
        remove_payment_method(payment_method_id=earlier.pk, at=now)
    save(at_localstripe, customer, card_details("5555555555554444"), replaces=earlier)
    assert methods(customer) == [("Visa 4242", "card", False), ("Visa 4444", "card", True)]


def test_a_bank_account_is_debited_under_its_mandate(invoice, at_localstripe, now):
    save(at_localstripe, invoice.customer, bank_details(IBAN))
    method = PaymentMethod.objects.get()
    assert (method.label, method.kind) == ("SEPA DE 37040044 3000", "sepa_debit")
    assert method.mandate == "NXDSYREGC9PSMKWY"
    # Unlike Stripe, localstripe calls a debit that will succeed successful at once, only its event comes later.
    assert charge(invoice, now).state == "succeeded"
    assert deliver(at_localstripe) == "payment_intent.succeeded"
    assert state(invoice) == ("paid", D("23.80"))


def test_a_debit_that_the_bank_refuses_is_declined(invoice, at_localstripe, now):
    save(at_localstripe, invoice.customer, bank_details(FAILING_IBAN))
    attempt = charge(invoice, now)
    assert (attempt.state, attempt.reason) == ("pending", "Stripe says processing")
    assert deliver(at_localstripe) == "payment_intent.payment_failed"
    attempt.refresh_from_db()
    assert (attempt.state, attempt.code, state(invoice)) == ("declined", "card_declined", ("issued", 0))


def test_a_page_paid_by_debit_waits_for_the_bank(invoice, at_localstripe):
    now = timezone.now()
    attempt = attempts.open_page(invoice_id=invoice.pk, back_to="https://e.com", at=now)
    at_localstripe.pay(at_localstripe.things[attempt.ref], details=bank_details(FAILING_IBAN))
    attempt = submit_attempt(attempt_id=attempt.pk, at=now)
    assert (attempt.state, attempt.page, attempt.closes_at) == ("pending", "", None)
    with pytest.raises(PaymentAttemptRefused, match="is in progress since"):
        attempts.open_page(invoice_id=invoice.pk, back_to="https://e.com", at=now)
    deliver(at_localstripe)
    deliver(at_localstripe)  # that of the page, and that of the payment
    attempt.refresh_from_db()
    assert (attempt.state, attempt.code, state(invoice)) == ("declined", "card_declined", ("issued", 0))
    assert attempt.ref.startswith("cs_")


def test_a_removed_card_is_gone_at_localstripe(invoice, at_localstripe, now):
    save(at_localstripe, invoice.customer, card_details("4242424242424242"))
    remove_payment_method(payment_method_id=PaymentMethod.objects.get().pk, at=now)
    assert methods(invoice.customer) == []
    sync_payment_methods(account=PayerAccount.objects.get(), at=now)
    assert methods(invoice.customer) == []


def test_reconciliation_finds_what_only_one_side_has(invoice, at_localstripe):
    now = timezone.now()
    leave_card(invoice.customer, at_localstripe)
    charge(invoice, now)
    period = {"provider_name": "stripe", "start": now - timedelta(hours=1), "end": now + timedelta(hours=1)}
    assert list(reconcile(**period, at=now)) == []
    account = PayerAccount.objects.get()
    card = at_localstripe.card(account.ref)
    at_localstripe.charge({"amount": "700", "currency": "eur", "customer": account.ref, "payment_method": card["id"]})
    [difference] = reconcile(**period, at=now)
    assert (difference.description, difference.amount) == ("collected by the provider, but not recorded", D("7.00"))
