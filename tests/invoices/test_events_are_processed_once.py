"""Stripe's events are stored first and processed once, in any order; an event that is not from Stripe is refused."""

import json
import random
import time
from datetime import timedelta
from decimal import Decimal as D

import pytest

from invoices.models import Invoice, PaymentAttempt, PaymentMethod, ProviderEvent
from invoices.payments import attempts
from invoices.payments.attempts import PaymentAttemptRefused
from invoices.payments.provider_webhooks.event_followup import process_events
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_seller
from tests.stripe.cards import leave_card
from tests.stripe.webhook_events import event, post_event, signature

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    return make_invoice(make_customer("acme", seller=make_seller(), currency="EUR"), net="20.00", tax="3.80")


@pytest.fixture
def later():
    """Return a time after any event that is received now."""
    from django.utils import timezone

    return timezone.now() + timedelta(hours=1)


def opened(invoice, at_stripe):
    """Open a payment page as of the invoice's issue; return the attempt and its session at Stripe."""
    charge = attempts.open_page(invoice_id=invoice.pk, back_to="https://example.com/back", at=invoice.issued_at)
    return charge, at_stripe.things[charge.ref]


def test_a_paid_page_pays_the_invoice(invoice, at_stripe, later):
    charge, session = opened(invoice, at_stripe)
    assert (session["amount_total"], charge.page) == (2380, session["url"])
    assert attempts.open_page(invoice_id=invoice.pk, back_to="x", at=invoice.issued_at) == charge, (
        "it is open already"
    )
    at_stripe.pay(session)
    assert post_event(event("checkout.session.completed", session)) == 200
    assert process_events(at=later) == 1
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid, PaymentAttempt.objects.get().state) == ("paid", D("23.80"), "succeeded")


@pytest.mark.parametrize(
    ("status", "outcome", "paid"), [("succeeded", "succeeded", "23.80"), ("requires_payment_method", "declined", "0")]
)
def test_a_page_paid_by_debit_is_settled_days_later(invoice, at_stripe, later, status, outcome, paid):
    charge, session = opened(invoice, at_stripe)
    intent = at_stripe.pay(session, status="processing")
    assert post_event(event("checkout.session.completed", session, id_="evt_1")) == 200
    process_events(at=later)
    charge.refresh_from_db()
    assert (charge.state, charge.reason, charge.page) == ("pending", "Stripe says processing", "")
    with pytest.raises(PaymentAttemptRefused, match="is in progress since"):
        attempts.open_page(invoice_id=invoice.pk, back_to="x", at=later)
    intent["status"] = status
    session["payment_status"] = "paid" if status == "succeeded" else "unpaid"
    kind = "succeeded" if status == "succeeded" else "failed"
    assert post_event(event(f"checkout.session.async_payment_{kind}", session, id_="evt_2")) == 200
    process_events(at=later + timedelta(days=5))
    invoice.refresh_from_db()
    assert (PaymentAttempt.objects.get().state, invoice.paid) == (outcome, D(paid))


def test_repeated_events_in_any_order_have_the_same_result(invoice, at_stripe, later):
    _, session = opened(invoice, at_stripe)
    intent = at_stripe.pay(session)
    events = [
        event("checkout.session.completed", session, id_="evt_1"),
        event("payment_intent.created", intent, id_="evt_2"),
        event("payment_intent.succeeded", intent, id_="evt_3"),
        event("payment_intent.payment_failed", intent | {"status": "requires_payment_method"}, id_="evt_4"),
    ] * 3
    random.Random(3).shuffle(events)
    for stripe_event in events:
        assert post_event(stripe_event) == 200
        process_events(at=later)
    assert ProviderEvent.objects.filter(done_at__isnull=False).count() == 4
    invoice.refresh_from_db()
    assert (invoice.state, invoice.payments.count()) == ("paid", 1)


def test_an_event_that_can_not_be_processed_now_is_retried(invoice, stripe_server, later):
    _, session = opened(invoice, stripe_server.books)
    stripe_server.books.pay(session)
    assert post_event(event("checkout.session.completed", session)) == 200
    stripe_server.secret_key = "another"
    process_events(at=later)
    PaymentAttempt.objects.update(leased_until=None)
    assert PaymentAttempt.objects.get().state == "pending"
    stripe_server.secret_key = "sk_test_tollbook"
    attempts.collect_due_payments(at=later + timedelta(hours=3))
    assert Invoice.objects.get().state == "paid"


REFUSED = [
    # the defect, and the signature that has it
    ("forged", lambda body: signature(body, secret="whsec_another")),
    ("stale", lambda body: signature(body, at=time.time() - 301)),
    ("from the future", lambda body: signature(body, at=time.time() + 400)),
    ("unsigned", lambda body: ""),
    ("signed for another body", lambda body: signature(body + b" ")),
    ("without a time", lambda body: signature(body).replace("t=", "x=")),
    ("no number for a time", lambda body: signature(body).replace("t=", "t=1e")),
]


@pytest.mark.parametrize(("defect", "signed"), REFUSED, ids=[defect for defect, _ in REFUSED])
def test_an_event_without_a_fresh_signature_is_refused(invoice, at_stripe, defect, signed):
    _, session = opened(invoice, at_stripe)
    stripe_event = event("checkout.session.completed", session)
    assert post_event(stripe_event, signed=signed(json.dumps(stripe_event).encode())) == 400, defect
    assert not ProviderEvent.objects.exists()


FOREIGN = [{"account": "acct_another"}, {"livemode": True}, {"id": 7}, {"type": None}]


@pytest.mark.parametrize("fields", FOREIGN, ids=str)
def test_an_event_of_another_account_or_mode_is_refused(at_stripe, fields):
    assert post_event(event("payment_intent.succeeded", {"id": "pi_1"}) | fields) == 400
    assert not ProviderEvent.objects.exists()


def test_forgeries_have_no_effect(invoice, at_stripe, later):
    leave_card(invoice.customer, at_stripe)
    charge = attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at)
    chance = random.Random(11)
    genuine = event("payment_intent.succeeded", {"id": "pi_9", "metadata": {"tollbook_key": str(charge.key)}})
    for number in range(40):  # a thousand and more in tests/prove/payments.py
        body = json.dumps(genuine | {"id": f"evt_{number}"}).encode()
        signed = signature(body, secret=f"whsec_{chance.random()}", at=time.time() + chance.uniform(-900, 900))
        assert post_event(genuine | {"id": f"evt_{number}"}, signed=signed) == 400
    # The content of a signed event is not trusted either: the payment is read from Stripe.
    assert post_event(event("payment_intent.succeeded", {"id": "pi_foreign", "metadata": {}})) == 200
    process_events(at=later)
    assert ProviderEvent.objects.get().outcome == "It matches no payment that Tollbook requested"
    assert (invoice.payments.count(), len(at_stripe.taken())) == (0, 0)


def test_a_card_stored_on_a_page_is_charged_from_then_on(invoice, at_stripe, later):
    page = attempts.checkout.setup_page(
        customer=invoice.customer, key="one", back_to="https://example.com", at=invoice.issued_at
    )
    session = next(page_session for page_session in at_stripe.of("checkout.session") if page_session["url"] == page)
    at_stripe.save(session)
    assert post_event(event("checkout.session.completed", session)) == 200
    process_events(at=later)
    payment_method = PaymentMethod.objects.get()
    assert (payment_method.label, payment_method.is_default, payment_method.expires_on.isoformat()) == (
        "Visa 4242",
        True,
        "2031-04-01",
    )
    assert attempts.collect_due_payments(at=later).started == 1
    assert Invoice.objects.get().state == "paid"


def test_a_page_to_save_a_card_is_in_the_customers_currency(invoice, at_stripe, settings):
    """The currency decides which methods Stripe's page offers, such as SEPA for euros only."""
    settings.STRIPE_PAYMENT_METHODS = ["card", "sepa_debit", "ideal"]
    at = invoice.issued_at
    attempts.checkout.setup_page(customer=invoice.customer, key="one", back_to="https://example.com", at=at)
    [params] = at_stripe.opened
    assert params["currency"] == "eur"
    offered = [params[name] for name in sorted(params) if name.startswith("allowed_payment_method_types")]
    assert offered == ["card", "sepa_debit"], "an iDEAL payment can't be repeated"


def test_a_payment_page_offers_the_methods_of_its_account(invoice, at_stripe, settings):
    settings.STRIPE_PAYMENT_METHODS = ["card", "ideal"]
    opened(invoice, at_stripe)
    [params] = at_stripe.opened
    assert [params[f"allowed_payment_method_types[{place}]"] for place in (0, 1)] == ["card", "ideal"]


def test_a_saved_method_is_charged_as_its_kind(invoice, at_stripe):
    method = leave_card(invoice.customer, at_stripe)
    PaymentMethod.objects.filter(pk=method.pk).update(kind="sepa_debit")
    attempt = attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at)
    attempts.submit_attempt(attempt_id=attempt.pk, at=invoice.issued_at)
    assert at_stripe.taken()[0]["allowed_kind"] == "sepa_debit"


def test_a_page_that_stripe_refuses_is_a_fault_of_our_settings(invoice, at_stripe):
    leave_card(invoice.customer, at_stripe)
    at_stripe.refused_currency = "eur"
    with pytest.raises(PaymentAttemptRefused, match="can’t be reached"):
        attempts.checkout.setup_page(
            customer=invoice.customer, key="one", back_to="https://example.com", at=invoice.issued_at
        )


def test_a_closed_page_accepts_no_payment(invoice, at_stripe):
    charge, session = opened(invoice, at_stripe)
    attempts.close_pages(invoice_id=invoice.pk, at=invoice.issued_at)
    charge.refresh_from_db()
    assert charge.state == "canceled"
    assert session["status"] == "expired"


def test_a_page_that_was_paid_is_not_closed(invoice, at_stripe):
    charge, session = opened(invoice, at_stripe)
    at_stripe.pay(session)
    attempts.close_pages(invoice_id=invoice.pk, at=invoice.issued_at)
    charge.refresh_from_db()
    assert charge.state == "succeeded"
    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_while_a_page_is_open_no_card_is_charged(invoice, at_stripe):
    leave_card(invoice.customer, at_stripe)
    opened(invoice, at_stripe)
    assert attempts.collect_due_payments(at=invoice.issued_at).started == 0
    with pytest.raises(PaymentAttemptRefused, match="is in progress"):
        attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at)


def test_a_lost_dispute_reverses_the_payment(invoice, at_stripe, later):
    leave_card(invoice.customer, at_stripe)
    charge = attempts.submit_attempt(
        attempt_id=attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at).pk, at=invoice.issued_at
    )
    for status, id_ in (("needs_response", "evt_1"), ("lost", "evt_2"), ("lost", "evt_3")):
        dispute = {"id": "dp_1", "payment_intent": charge.ref, "status": status}
        assert post_event(event("charge.dispute.updated", dispute, id_=id_)) == 200
        process_events(at=later)
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid, invoice.due) == ("issued", 0, D("23.80"))
    assert [payment.amount for payment in invoice.payments.order_by("pk")] == [D("23.80"), D("-23.80")]
