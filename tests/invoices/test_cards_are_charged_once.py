"""A due amount is charged to a card once, for any failure of requests, and every outcome is finally known."""

import random
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction

from invoices.credit_notes import CreditRefused, RequestedCredit, issue_credit_note, void_invoice
from invoices.models import BalanceEntry, CustomerBalance, Invoice, PaymentAttempt
from invoices.payments import attempts
from invoices.payments.attempts import PaymentAttemptRefused, start_payment, submit_attempt
from invoices.payments.manual_payments import record_payment
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_seller
from tests.stripe.cards import leave_card
from tests.stripe.server import FAULTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    return make_invoice(make_customer("acme", seller=make_seller(), currency="EUR"), net="20.00", tax="3.80")


@pytest.fixture
def now(invoice):
    return invoice.issued_at


def state(invoice):
    invoice.refresh_from_db()
    return invoice.state, invoice.paid


def follow(charge, at, hours=48):
    """Let time pass until a payment attempt has an outcome."""
    until = at + timedelta(hours=hours)
    while charge.state == "pending" and at < until:
        charge = submit_attempt(attempt_id=charge.pk, at=at)
        at = (charge.next_at or at) + timedelta(seconds=1)
    return charge


def test_the_amount_due_is_charged_and_paid(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert (charge.state, state(invoice)) == ("succeeded", ("paid", D("23.80")))
    assert [(intent["amount"], intent["currency"]) for intent in at_stripe.taken()] == [(2380, "eur")]
    payment = invoice.payments.get()
    assert (payment.method, payment.attempt) == ("stripe", charge)


def test_a_declined_card_pays_nothing_and_keeps_the_reason(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe, declines="insufficient_funds")
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert (charge.state, charge.code, charge.reason) == ("declined", "insufficient_funds", "Your card was declined.")
    assert state(invoice) == ("issued", 0)
    leave_card(invoice.customer, at_stripe)
    second_charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert (second_charge.number, second_charge.state, state(invoice)) == (2, "succeeded", ("paid", D("23.80")))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_card_is_charged_once_for_any_failed_request(invoice, at_stripe, now, fault):
    leave_card(invoice.customer, at_stripe)
    at_stripe.faults = [fault]
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert charge.state == "pending"
    assert charge.reason
    charge = follow(charge, charge.next_at)
    assert (charge.state, state(invoice)) == ("succeeded", ("paid", D("23.80")))
    assert len(at_stripe.taken()) == 1


def test_any_sequence_of_faults_leaves_one_charge(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    chance = random.Random(7)
    for _ in range(40):
        other = make_invoice(invoice.customer, net="10.00", tax="1.90")
        at_stripe.faults = chance.choices(FAULTS, k=chance.randrange(4))
        charge = follow(start_payment(invoice_id=other.pk, at=now), now)
        assert (charge.state, state(other)) == ("succeeded", ("paid", D("11.90")))
        assert (
            len([intent for intent in at_stripe.taken() if intent["metadata"] == {"tollbook_key": str(charge.key)}])
            == 1
        )
    assert not CustomerBalance.objects.exists()


def test_a_charge_missing_from_the_list_is_deduplicated_by_its_key(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    at_stripe.faults, at_stripe.lists_lag = ["break_after"], True
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert follow(charge, charge.next_at).state == "succeeded"
    assert len(at_stripe.taken()) == 1


def test_an_invoice_has_one_pending_attempt_at_a_time(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    start_payment(invoice_id=invoice.pk, at=now)
    with pytest.raises(PaymentAttemptRefused, match="is pending since"):
        start_payment(invoice_id=invoice.pk, at=now)


def test_an_attempt_leased_by_another_worker_is_skipped(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    PaymentAttempt.objects.filter(pk=charge.pk).update(leased_until=now + timedelta(seconds=30), sent_at=now)
    assert submit_attempt(attempt_id=charge.pk, at=now).state == "pending"
    assert not at_stripe.taken()
    assert submit_attempt(attempt_id=charge.pk, at=now + timedelta(seconds=31)).state == "succeeded"


def test_a_slow_worker_does_not_reopen_a_settled_attempt(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    slow = start_payment(invoice_id=invoice.pk, at=now)
    submit_attempt(attempt_id=slow.pk, at=now)
    settled = attempts.settlement.postpone(slow, reason="It took too long", at=now)
    assert (settled.state, settled.reason, settled.next_at) == ("succeeded", "", None)


def test_an_error_of_the_account_is_retried_a_minute_later(invoice, at_stripe, now):
    at_stripe.faults = ["500_after"]
    arguments = {"invoice_id": invoice.pk, "back_to": "https://example.com/back"}
    with pytest.raises(PaymentAttemptRefused, match="Try again in a moment"):
        attempts.open_page(**arguments, at=now)
    assert attempts.open_page(**arguments, at=now + timedelta(minutes=1)).page


def test_a_request_that_never_arrived_is_canceled_when_its_key_expires(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    PaymentAttempt.objects.filter(pk=charge.pk).update(sent_at=now)
    charge = submit_attempt(attempt_id=charge.pk, at=now + timedelta(hours=24))
    assert (charge.state, charge.reason) == ("canceled", "The provider has no record of it a day after it was sent")
    assert not at_stripe.taken()


SURPLUS = [
    # payment between the request and its answer, and the balance after it
    ("a transfer of all of it", "23.80"),
    ("a transfer of some of it", "10.00"),
]


@pytest.mark.parametrize(("meanwhile", "balance"), SURPLUS)
def test_an_amount_charged_above_the_due_one_goes_to_the_balance(invoice, at_stripe, now, meanwhile, balance):
    leave_card(invoice.customer, at_stripe)
    at_stripe.faults = ["break_after"]
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    amount = D("23.80") if "all" in meanwhile else D("10.00")
    record_payment(invoice_id=invoice.pk, amount=amount, method="manual", reference="bank-1", at=now)
    charge = follow(charge, charge.next_at)
    assert charge.state == "succeeded"
    entry = BalanceEntry.objects.get()
    assert (entry.kind, entry.amount, entry.after) == ("overpayment", D(balance), D(balance))


def test_an_invoice_with_a_pending_attempt_can_not_be_credited(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    for lines in (None, [RequestedCredit(1, D("1.00"))]):
        with pytest.raises(CreditRefused, match="is pending since"):
            issue_credit_note(invoice_id=invoice.pk, lines=lines, reason="Sorry", to="balance", at=now)
    with pytest.raises(CreditRefused, match="Wait for its outcome"):
        void_invoice(invoice_id=invoice.pk, reason="A mistake", at=now)
    follow(charge, now)
    assert issue_credit_note(
        invoice_id=invoice.pk, lines=None, reason="Sorry", to="balance", at=now
    ).total.amount == D("23.80")


def test_a_request_is_sent_only_after_the_attempt_is_committed(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        submit_attempt(attempt_id=charge.pk, at=now)
    assert not at_stripe.taken()


def test_a_canceled_attempt_that_succeeded_is_recorded_as_paid(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    late = start_payment(invoice_id=make_invoice(invoice.customer).pk, at=now)
    canceled = attempts.settlement.ProviderResponse("canceled", reason="Nobody knows it")
    late = attempts.record_outcome(attempt_id=late.pk, response=canceled, at=now)
    late = attempts.record_outcome(
        attempt_id=late.pk, response=attempts.settlement.ProviderResponse("succeeded", "pi_late"), at=now
    )
    assert (late.state, Invoice.objects.get(pk=late.invoice_id).state) == ("succeeded", "paid")
    assert attempts.record_outcome(attempt_id=charge.pk, response=canceled, at=now).state == "succeeded"


def test_due_invoices_of_customers_with_a_card_are_charged_once(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    by_hand = make_invoice(make_customer("beta", seller=invoice.seller, currency="EUR"))
    assert (attempts.collect_due_payments(at=now).started, state(invoice)[0], state(by_hand)[0]) == (
        1,
        "paid",
        "issued",
    )
    assert attempts.collect_due_payments(at=now).started == 0


def test_a_refused_stripe_key_charges_no_card_and_is_reported(invoice, stripe_server, now):
    leave_card(invoice.customer, stripe_server.books)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    stripe_server.secret_key = "another"
    charge = submit_attempt(attempt_id=charge.pk, at=now)
    assert charge.state == "pending"
    assert "Stripe rejects the configured key" in charge.reason
    stripe_server.secret_key = "sk_test_tollbook"
    assert follow(charge, charge.next_at).state == "succeeded"
