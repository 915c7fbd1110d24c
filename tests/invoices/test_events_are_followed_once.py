"""What Stripe tells is stored first, and followed once, in any order; what is not from Stripe is refused."""

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
from tests.stripe.webhook_events import event, signature, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    return make_invoice(make_customer("acme", seller=make_seller(), currency="EUR"), net="20.00", tax="3.80")


@pytest.fixture
def later():
    """A moment after anything that is received now."""
    from django.utils import timezone

    return timezone.now() + timedelta(hours=1)


def opened(invoice, at_stripe):
    """Open a page, as of when the invoice was issued; return the charge and its session at Stripe."""
    charge = attempts.open_page(invoice_id=invoice.pk, back_to="https://example.com/back", at=invoice.issued_at)
    return charge, at_stripe.things[charge.ref]


def test_a_page_that_is_paid_pays_the_invoice(invoice, at_stripe, later):
    charge, session = opened(invoice, at_stripe)
    assert (session["amount_total"], charge.page) == (2380, session["url"])
    assert attempts.open_page(invoice_id=invoice.pk, back_to="x", at=invoice.issued_at) == charge, (
        "it is open already"
    )
    at_stripe.pay(session)
    assert tell(event("checkout.session.completed", session)) == 200
    assert process_events(at=later) == 1
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid, PaymentAttempt.objects.get().state) == ("paid", D("23.80"), "succeeded")


def test_the_same_events_in_any_order_and_number_come_to_the_same(invoice, at_stripe, later):
    _, session = opened(invoice, at_stripe)
    intent = at_stripe.pay(session)
    told = [
        event("checkout.session.completed", session, id_="evt_1"),
        event("payment_intent.created", intent, id_="evt_2"),
        event("payment_intent.succeeded", intent, id_="evt_3"),
        event("payment_intent.payment_failed", intent | {"status": "requires_payment_method"}, id_="evt_4"),
    ] * 3
    random.Random(3).shuffle(told)
    for one in told:
        assert tell(one) == 200
        process_events(at=later)
    assert ProviderEvent.objects.filter(done_at__isnull=False).count() == 4
    invoice.refresh_from_db()
    assert (invoice.state, invoice.payments.count()) == ("paid", 1)


def test_what_cannot_be_followed_now_is_followed_later(invoice, stripe_server, later):
    _, session = opened(invoice, stripe_server.books)
    stripe_server.books.pay(session)
    assert tell(event("checkout.session.completed", session)) == 200
    stripe_server.secret_key = "another"
    process_events(at=later)
    PaymentAttempt.objects.update(leased_until=None)
    assert PaymentAttempt.objects.get().state == "pending"
    stripe_server.secret_key = "sk_test_tollbook"
    attempts.collect_due_payments(at=later + timedelta(hours=3))
    assert Invoice.objects.get().state == "paid"


REFUSED = [
    # what is wrong with it, and how it is made so
    ("forged", lambda body: signature(body, secret="whsec_another")),
    ("stale", lambda body: signature(body, at=time.time() - 301)),
    ("from the future", lambda body: signature(body, at=time.time() + 400)),
    ("unsigned", lambda body: ""),
    ("signed for another body", lambda body: signature(body + b" ")),
    ("without a time", lambda body: signature(body).replace("t=", "x=")),
    ("no number for a time", lambda body: signature(body).replace("t=", "t=1e")),
]


@pytest.mark.parametrize(("what", "signed"), REFUSED, ids=[what for what, _ in REFUSED])
def test_what_is_not_from_stripe_just_now_is_refused(invoice, at_stripe, what, signed):
    _, session = opened(invoice, at_stripe)
    told = event("checkout.session.completed", session)
    assert tell(told, signed=signed(json.dumps(told).encode())) == 400, what
    assert not ProviderEvent.objects.exists()


FOREIGN = [{"account": "acct_another"}, {"livemode": True}, {"id": 7}, {"type": None}]


@pytest.mark.parametrize("fields", FOREIGN, ids=str)
def test_what_is_of_another_account_or_mode_is_refused(at_stripe, fields):
    assert tell(event("payment_intent.succeeded", {"id": "pi_1"}) | fields) == 400
    assert not ProviderEvent.objects.exists()


def test_forgeries_have_no_effect(invoice, at_stripe, later):
    leave_card(invoice.customer, at_stripe)
    charge = attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at)
    chance = random.Random(11)
    genuine = event("payment_intent.succeeded", {"id": "pi_9", "metadata": {"tollbook_key": str(charge.key)}})
    for number in range(40):  # a thousand and more in tests/prove/payments.py
        body = json.dumps(genuine | {"id": f"evt_{number}"}).encode()
        signed = signature(body, secret=f"whsec_{chance.random()}", at=time.time() + chance.uniform(-900, 900))
        assert tell(genuine | {"id": f"evt_{number}"}, signed=signed) == 400
    # One that is signed is not believed either: what it speaks of is asked for.
    assert tell(event("payment_intent.succeeded", {"id": "pi_foreign", "metadata": {}})) == 200
    process_events(at=later)
    assert ProviderEvent.objects.get().outcome == "It is of nothing that we have asked for"
    assert (invoice.payments.count(), len(at_stripe.taken())) == (0, 0)


def test_a_card_that_is_left_on_a_page_is_charged_from_then_on(invoice, at_stripe, later):
    page = attempts.checkout.setup_page(
        customer=invoice.customer, key="one", back_to="https://example.com", at=invoice.issued_at
    )
    session = next(one for one in at_stripe.of("checkout.session") if one["url"] == page)
    at_stripe.card(session["customer"])
    assert tell(event("checkout.session.completed", session)) == 200
    process_events(at=later)
    kept = PaymentMethod.objects.get()
    assert (kept.label, kept.is_default, kept.expires_on.isoformat()) == ("Visa 4242", True, "2031-04-01")
    assert attempts.collect_due_payments(at=later).started == 1
    assert Invoice.objects.get().state == "paid"


def test_a_page_that_is_closed_takes_nothing_any_more(invoice, at_stripe):
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
    with pytest.raises(PaymentAttemptRefused, match="is being taken"):
        attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at)


def test_a_lost_dispute_takes_the_payment_back(invoice, at_stripe, later):
    leave_card(invoice.customer, at_stripe)
    charge = attempts.submit_attempt(
        attempt_id=attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at).pk, at=invoice.issued_at
    )
    for status, id_ in (("needs_response", "evt_1"), ("lost", "evt_2"), ("lost", "evt_3")):
        dispute = {"id": "dp_1", "payment_intent": charge.ref, "status": status}
        assert tell(event("charge.dispute.updated", dispute, id_=id_)) == 200
        process_events(at=later)
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid, invoice.due) == ("issued", 0, D("23.80"))
    assert [payment.amount for payment in invoice.payments.order_by("pk")] == [D("23.80"), D("-23.80")]
