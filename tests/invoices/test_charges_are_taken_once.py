"""What is due is taken from a card once, whatever befalls the requests, and every outcome is known in the end."""

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
    """Let time pass until it is known what came of a charge."""
    until = at + timedelta(hours=hours)
    while charge.state == "pending" and at < until:
        charge = submit_attempt(attempt_id=charge.pk, at=at)
        at = (charge.next_at or at) + timedelta(seconds=1)
    return charge


def test_what_is_due_is_charged_and_paid(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert (charge.state, state(invoice)) == ("succeeded", ("paid", D("23.80")))
    assert [(one["amount"], one["currency"]) for one in at_stripe.taken()] == [(2380, "eur")]
    payment = invoice.payments.get()
    assert (payment.method, payment.attempt) == ("stripe", charge)


def test_a_declined_card_pays_nothing_and_says_why(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe, declines="insufficient_funds")
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert (charge.state, charge.code, charge.reason) == ("declined", "insufficient_funds", "Your card was declined.")
    assert state(invoice) == ("issued", 0)
    leave_card(invoice.customer, at_stripe)
    again = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert (again.number, again.state, state(invoice)) == (2, "succeeded", ("paid", D("23.80")))


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_befalls_a_request_it_is_taken_once(invoice, at_stripe, now, fault):
    leave_card(invoice.customer, at_stripe)
    at_stripe.faults = [fault]
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert charge.state == "pending"
    assert charge.reason
    charge = follow(charge, charge.next_at)
    assert (charge.state, state(invoice)) == ("succeeded", ("paid", D("23.80")))
    assert len(at_stripe.taken()) == 1


def test_any_mixture_of_faults_leaves_one_charge(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    chance = random.Random(7)
    for _ in range(40):
        other = make_invoice(invoice.customer, net="10.00", tax="1.90")
        at_stripe.faults = chance.choices(FAULTS, k=chance.randrange(4))
        charge = follow(start_payment(invoice_id=other.pk, at=now), now)
        assert (charge.state, state(other)) == ("succeeded", ("paid", D("11.90")))
        assert len([one for one in at_stripe.taken() if one["metadata"] == {"tollbook_key": str(charge.key)}]) == 1
    assert not CustomerBalance.objects.exists()


def test_where_it_is_not_found_the_key_keeps_it_one(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    at_stripe.faults, at_stripe.lists_lag = ["break_after"], True
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    assert follow(charge, charge.next_at).state == "succeeded"
    assert len(at_stripe.taken()) == 1


def test_nobody_is_charged_twice_at_a_time(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    start_payment(invoice_id=invoice.pk, at=now)
    with pytest.raises(PaymentAttemptRefused, match="is being taken since"):
        start_payment(invoice_id=invoice.pk, at=now)


def test_a_charge_that_somebody_asks_about_is_left_to_them(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    PaymentAttempt.objects.filter(pk=charge.pk).update(leased_until=now + timedelta(seconds=30), sent_at=now)
    assert submit_attempt(attempt_id=charge.pk, at=now).state == "pending"
    assert not at_stripe.taken()
    assert submit_attempt(attempt_id=charge.pk, at=now + timedelta(seconds=31)).state == "succeeded"


def test_who_asked_too_slowly_leaves_it_settled(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    slow = start_payment(invoice_id=invoice.pk, at=now)
    submit_attempt(attempt_id=slow.pk, at=now)
    left = attempts.settlement.postpone(slow, reason="It took too long", at=now)
    assert (left.state, left.reason, left.next_at) == ("succeeded", "", None)


def test_an_error_about_an_account_is_over_a_minute_later(invoice, at_stripe, now):
    at_stripe.faults = ["500_after"]
    arguments = {"invoice_id": invoice.pk, "back_to": "https://example.com/back"}
    with pytest.raises(PaymentAttemptRefused, match="try again in a moment"):
        attempts.open_page(**arguments, at=now)
    assert attempts.open_page(**arguments, at=now + timedelta(minutes=1)).page


def test_what_never_arrived_is_given_up_when_keys_are_forgotten(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    PaymentAttempt.objects.filter(pk=charge.pk).update(sent_at=now)
    charge = submit_attempt(attempt_id=charge.pk, at=now + timedelta(hours=24))
    assert (charge.state, charge.reason) == ("canceled", "The provider knows nothing of it a day after it was sent")
    assert not at_stripe.taken()


SURPLUS = [
    # what happens between the request and its answer, and what is on the balance then
    ("a transfer of all of it", "23.80"),
    ("a transfer of some of it", "10.00"),
]


@pytest.mark.parametrize(("meanwhile", "balance"), SURPLUS)
def test_what_is_taken_beyond_what_is_due_is_the_customers(invoice, at_stripe, now, meanwhile, balance):
    leave_card(invoice.customer, at_stripe)
    at_stripe.faults = ["break_after"]
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    amount = D("23.80") if "all" in meanwhile else D("10.00")
    record_payment(invoice_id=invoice.pk, amount=amount, method="manual", reference="bank-1", at=now)
    charge = follow(charge, charge.next_at)
    assert charge.state == "succeeded"
    entry = BalanceEntry.objects.get()
    assert (entry.kind, entry.amount, entry.after) == ("overpayment", D(balance), D(balance))


def test_while_it_is_taken_nothing_is_taken_back(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    for lines in (None, [RequestedCredit(1, D("1.00"))]):
        with pytest.raises(CreditRefused, match="is being taken since"):
            issue_credit_note(invoice_id=invoice.pk, lines=lines, reason="Sorry", to="balance", at=now)
    with pytest.raises(CreditRefused, match="wait for what comes of it"):
        void_invoice(invoice_id=invoice.pk, reason="A mistake", at=now)
    follow(charge, now)
    assert issue_credit_note(
        invoice_id=invoice.pk, lines=None, reason="Sorry", to="balance", at=now
    ).total.amount == D("23.80")


def test_nobody_is_asked_for_money_before_it_is_written_down_for_good(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        submit_attempt(attempt_id=charge.pk, at=now)
    assert not at_stripe.taken()


def test_what_was_given_up_is_taken_in_when_it_turns_out_to_have_come(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    charge = submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=now).pk, at=now)
    late = start_payment(invoice_id=make_invoice(invoice.customer).pk, at=now)
    gone = attempts.settlement.ProviderResponse("canceled", reason="Nobody knows it")
    late = attempts.record_outcome(attempt_id=late.pk, response=gone, at=now)
    late = attempts.record_outcome(
        attempt_id=late.pk, response=attempts.settlement.ProviderResponse("succeeded", "pi_late"), at=now
    )
    assert (late.state, Invoice.objects.get(pk=late.invoice_id).state) == ("succeeded", "paid")
    assert attempts.record_outcome(attempt_id=charge.pk, response=gone, at=now).state == "succeeded"


def test_the_sweeper_charges_who_has_left_a_card_once(invoice, at_stripe, now):
    leave_card(invoice.customer, at_stripe)
    by_hand = make_invoice(make_customer("beta", seller=invoice.seller, currency="EUR"))
    assert (attempts.collect_due_payments(at=now).started, state(invoice)[0], state(by_hand)[0]) == (
        1,
        "paid",
        "issued",
    )
    assert attempts.collect_due_payments(at=now).started == 0


def test_a_key_that_stripe_refuses_charges_nobody_and_says_so(invoice, stripe_server, now):
    leave_card(invoice.customer, stripe_server.books)
    charge = start_payment(invoice_id=invoice.pk, at=now)
    stripe_server.secret_key = "another"
    charge = submit_attempt(attempt_id=charge.pk, at=now)
    assert charge.state == "pending"
    assert "Stripe refuses our key" in charge.reason
    stripe_server.secret_key = "sk_test_tollbook"
    assert follow(charge, charge.next_at).state == "succeeded"
