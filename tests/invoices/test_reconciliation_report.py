"""The totals of a month by provider and currency, and each kind of discrepancy, from our own rows."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import connection

from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import PaymentAttempt, ProviderEvent, Refund
from invoices.payments.attempts import open_page, record_outcome, start_payment, submit_attempt
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import record_payment
from invoices.payments.merchant_accounts import set_merchant_account
from invoices.payments.providers import ProviderResponse
from invoices.payments.reconciliation_report import (
    MAX_LISTED,
    DiscrepancyKind,
    find_discrepancies,
    read_totals,
)
from invoices.payments.refunds.refund import submit_due_refunds
from lib.decimals import ZERO
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, MAR, make_customer, make_seller
from tests.stripe.cards import leave_card
from tests.stripe.webhook_events import event

pytestmark = pytest.mark.django_db
NOW = FEB + timedelta(days=2)


@pytest.fixture
def seller():
    return make_seller()


@pytest.fixture
def invoice(seller):
    return make_invoice(make_customer("acme", seller=seller, currency="EUR"), net="20.00", tax="3.80")


def charged(invoice, at_stripe, at=NOW):
    leave_card(invoice.customer, at_stripe)
    return submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=at).pk, at=at)


def totals(seller):
    return [
        {name: amount for name, amount in asdict(row).items() if amount} | {"difference": row.difference}
        for row in read_totals(seller=seller, start=FEB, end=MAR)
    ]


def found(seller, *, at=NOW, shows_shared_account=True):
    lists = find_discrepancies(seller=seller, start=FEB, end=MAR, at=at, shows_shared_account=shows_shared_account)
    return {group.kind: [(row.row.pk, row.amount) for row in group.rows] for group in lists if group.rows}


def test_a_collected_payment_is_recorded(seller, invoice, at_stripe):
    charged(invoice, at_stripe)
    names = {"provider": "stripe", "currency": "EUR"}
    assert totals(seller) == [names | {"collected": D("23.80"), "paid": D("23.80"), "difference": ZERO}]
    assert found(seller) == {}
    assert read_totals(seller=make_seller("other"), start=FEB, end=MAR) == []
    assert read_totals(seller=seller, start=MAR, end=MAR + timedelta(days=31)) == []


def test_transfers_refunds_returns_and_overpayments_have_their_columns(seller, invoice, at_stripe):
    attempt = charged(invoice, at_stripe)
    issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(1, D("5.00"))], reason="Sorry", to="refund", at=NOW
    )
    submit_due_refunds(at=NOW)
    second = make_invoice(invoice.customer, net="10.00", tax="0")
    attempt = open_page(invoice_id=second.pk, back_to="https://e.com", at=NOW)
    record_payment(invoice_id=second.pk, amount=D("7.00"), method="manual", reference="bank-1", at=NOW)
    record_outcome(attempt_id=attempt.pk, response=ProviderResponse("succeeded", attempt.ref), at=NOW)
    reverse_payment(payment_id=second.payments.get(method="stripe").pk, reason="Returned", at=NOW)
    refunded = Refund.objects.get().amount
    by_hand, stripe = totals(seller)
    assert by_hand == {"provider": "manual", "currency": "EUR", "by_hand": D("7.00"), "difference": ZERO}
    assert stripe == {
        "provider": "stripe",
        "currency": "EUR",
        "collected": D("33.80"),
        "paid": D("26.80"),
        "kept": D("7.00"),
        "refunded": refunded,
        "returned": D("3.00"),
        "difference": ZERO,
    }
    assert found(seller) == {}


def test_a_collected_amount_without_its_payment_differs(seller, invoice):
    """Only a damaged database has such a row, for which this page exists."""
    attempt = PaymentAttempt.objects.create(
        invoice=invoice,
        number=1,
        provider="stripe",
        amount=D("23.80"),
        currency="EUR",
        state="succeeded",
        settled_at=NOW,
        created_at=NOW,
    )
    assert totals(seller)[0]["difference"] == D("23.80")
    assert found(seller) == {
        DiscrepancyKind.NOT_RECORDED: [(attempt.pk, D("23.80"))],
        DiscrepancyKind.NO_REFERENCE: [(attempt.pk, D("23.80"))],
    }


def test_what_is_pending_for_too_long_is_listed(seller, invoice, at_stripe):
    charged(invoice, at_stripe)
    at_stripe.faults = ["500_before"] * 9
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="Sorry", to="refund", at=NOW)
    second = make_invoice(invoice.customer, net="10.00", tax="0")
    attempt = start_payment(invoice_id=second.pk, at=NOW)
    assert found(seller, at=NOW + timedelta(days=7)) == {}
    refund = Refund.objects.get()
    assert found(seller, at=NOW + timedelta(days=15)) == {
        DiscrepancyKind.SLOW_PAYMENT: [(attempt.pk, D("10.00"))],
        DiscrepancyKind.SLOW_REFUND: [(refund.pk, D("23.80"))],
    }


def stored_event(number, merchant=None, **columns):
    content = event("payment_intent.succeeded", {"id": "pi_9", "amount": 700, "currency": "eur"})
    return ProviderEvent.objects.create(
        provider="stripe",
        merchant=merchant,
        ref=f"evt_{number}",
        kind="payment_intent.succeeded",
        content=content,
        received_at=NOW,
        **columns,
    )


def test_an_event_belongs_to_the_seller_of_its_account(seller):
    own = set_merchant_account(seller=seller, secret_key="sk_test_own", webhook_secret="whsec_own", at=FEB)
    outcome = "It matches no payment that Tollbook requested"
    unmatched = stored_event(1, own, done_at=NOW, outcome=outcome)
    shared = stored_event(2, done_at=NOW, outcome=outcome)
    failed = stored_event(3, own, outcome="ConnectionError")
    stored_event(4, own, next_at=NOW)  # it is due, and no difference yet
    assert found(seller, shows_shared_account=False) == {
        DiscrepancyKind.UNMATCHED: [(unmatched.pk, D("7.00"))],
        DiscrepancyKind.FAILED_EVENT: [(failed.pk, D("7.00"))],
    }
    assert [pk for pk, _ in found(seller)[DiscrepancyKind.UNMATCHED]] == [shared.pk, unmatched.pk]
    assert [pk for pk, _ in found(make_seller("other"))[DiscrepancyKind.UNMATCHED]] == [shared.pk]


def test_the_list_is_bounded(seller, django_assert_num_queries):
    for number in range(MAX_LISTED + 1):
        stored_event(number, outcome="ConnectionError")
    connection.queries_log.clear()
    with django_assert_num_queries(7):
        lists = find_discrepancies(seller=seller, start=FEB, end=MAR, at=NOW, shows_shared_account=True)
    [group] = [group for group in lists if group.rows]
    assert (len(group.rows), group.has_more) == (MAX_LISTED, True)
    with django_assert_num_queries(7):
        read_totals(seller=seller, start=FEB, end=MAR)
