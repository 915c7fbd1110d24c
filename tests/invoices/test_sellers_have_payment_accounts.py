"""Payments go to the account of the invoice's seller, over real HTTP, with two accounts at the provider."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from invoices.credit_notes import issue_credit_note
from invoices.models import MerchantAccount, PayerAccount, ProviderEvent
from invoices.payments.attempts import PaymentAttemptRefused, open_page, start_payment, submit_attempt
from invoices.payments.attempts.checkout import setup_page
from invoices.payments.merchant_accounts import MerchantAccountRefused, set_merchant_account
from invoices.payments.reconciliation import reconcile
from invoices.payments.refunds.refund import submit_due_refunds
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer, make_seller
from tests.stripe.cards import leave_card
from tests.stripe.webhook_events import event, signature

pytestmark = pytest.mark.django_db
OTHER_KEY, OTHER_SECRET = "sk_test_other", "whsec_other"


@pytest.fixture
def sellers():
    return make_seller("ours"), make_seller("theirs", legal_name="Theirs GmbH")


@pytest.fixture
def customer(sellers):
    return make_customer("acme", seller=sellers[0], currency="EUR")


@pytest.fixture
def merchant(sellers):
    return set_merchant_account(seller=sellers[1], secret_key=OTHER_KEY, webhook_secret=OTHER_SECRET, at=FEB)


@pytest.fixture
def their_books(stripe_server):
    return stripe_server.open_account(OTHER_KEY)


def invoice_of(customer, seller):
    return make_invoice(customer, seller=seller)


def charge(invoice):
    return submit_attempt(attempt_id=start_payment(invoice_id=invoice.pk, at=FEB).pk, at=FEB)


def test_a_card_is_charged_at_the_account_of_the_invoice_s_seller(
    customer, sellers, merchant, at_stripe, their_books
):
    leave_card(customer, at_stripe)
    leave_card(customer, their_books, seller=sellers[1], merchant=merchant)
    ours, theirs = (charge(invoice_of(customer, seller)) for seller in sellers)

    assert (ours.state, theirs.state, ours.merchant, theirs.merchant) == ("succeeded", "succeeded", None, merchant)
    assert len(at_stripe.taken()) == len(their_books.taken()) == 1

    issue_credit_note(invoice_id=theirs.invoice_id, lines=None, reason="Sorry", to="refund", at=FEB)
    submit_due_refunds(at=FEB)
    assert (len(at_stripe.of("refund")), len(their_books.of("refund"))) == (0, 1)


def test_a_card_stored_for_one_seller_pays_no_other_one_s_invoice(customer, sellers, at_stripe):
    card = leave_card(customer, at_stripe)
    invoice = invoice_of(customer, sellers[1])
    for method in (None, card.pk):
        with pytest.raises(PaymentAttemptRefused, match="no payment method"):
            start_payment(invoice_id=invoice.pk, payment_method_id=method, at=FEB)
    assert at_stripe.taken() == []


def test_a_payment_page_is_opened_at_the_seller_s_account(customer, sellers, merchant, at_stripe, their_books):
    attempt = open_page(invoice_id=invoice_of(customer, sellers[1]).pk, back_to="/portal/", at=FEB)
    assert attempt.merchant == merchant
    assert (len(at_stripe.of("checkout.session")), len(their_books.of("checkout.session"))) == (0, 1)
    assert PayerAccount.objects.get().seller == sellers[1]


def test_sellers_without_an_own_account_still_have_payer_accounts_apart(customer, sellers, at_stripe):
    for seller in sellers:
        setup_page(customer=customer, key=seller.code, back_to="/portal/", at=FEB, seller=seller)
    accounts = PayerAccount.objects.order_by("seller__code")
    assert [(account.seller, account.merchant) for account in accounts] == [(seller, None) for seller in sellers]


def test_an_earlier_account_still_refunds_what_it_collected(customer, sellers, merchant, their_books, stripe_server):
    leave_card(customer, their_books, seller=sellers[1], merchant=merchant)
    paid = charge(invoice_of(customer, sellers[1]))
    newer = stripe_server.open_account("sk_test_newer")
    later = set_merchant_account(
        seller=sellers[1], secret_key="sk_test_newer", webhook_secret=OTHER_SECRET, at=FEB + timedelta(days=1)
    )
    issue_credit_note(invoice_id=paid.invoice_id, lines=None, reason="Sorry", to="refund", at=FEB)
    submit_due_refunds(at=FEB)
    assert (len(their_books.of("refund")), len(newer.of("refund"))) == (1, 0)
    assert MerchantAccount.objects.get(closed_at__isnull=True) == later
    with pytest.raises(PaymentAttemptRefused, match="no payment method"):
        start_payment(invoice_id=invoice_of(customer, sellers[1]).pk, at=FEB)


def test_new_keys_of_the_same_account_keep_its_cards(customer, sellers, merchant, their_books, stripe_server):
    stripe_server.accounts["sk_test_rotated"] = stripe_server.accounts.pop(OTHER_KEY)
    leave_card(customer, their_books, seller=sellers[1], merchant=merchant)
    set_merchant_account(
        seller=sellers[1], secret_key="sk_test_rotated", webhook_secret=OTHER_SECRET, at=FEB, replaces_keys=True
    )
    assert charge(invoice_of(customer, sellers[1])).state == "succeeded"


@pytest.mark.parametrize(("secret", "status"), [(OTHER_SECRET, 200), ("whsec_tests", 400), ("whsec_wrong", 400)])
def test_an_event_is_signed_by_the_secret_of_its_account(merchant, stripe_server, secret, status):
    body = json.dumps(event("payment_intent.succeeded", {"id": "pi_1"})).encode()
    headers = {"Stripe-Signature": signature(body, secret=secret)}
    response = Client().post(
        f"/pay/stripe/events/{merchant.pk}", body, content_type="application/json", headers=headers
    )
    assert response.status_code == status
    assert list(ProviderEvent.objects.values_list("merchant", flat=True)) == ([merchant.pk] if status == 200 else [])


def test_an_unknown_account_takes_no_event(db, stripe_server):
    assert Client().post("/pay/stripe/events/999", b"{}", content_type="application/json").status_code == 400


def test_an_account_is_reconciled_by_itself(customer, sellers, merchant, at_stripe, their_books):
    leave_card(customer, at_stripe)
    leave_card(customer, their_books, seller=sellers[1], merchant=merchant)
    for seller in sellers:
        charge(invoice_of(customer, seller))
    span = {"start": FEB - timedelta(days=900), "end": FEB + timedelta(days=900), "at": FEB}
    assert list(reconcile(provider_name="stripe", **span)) == []
    assert list(reconcile(provider_name="stripe", merchant=merchant, **span)) == []


def test_secrets_are_stored_encrypted(merchant):
    assert OTHER_KEY not in merchant.secret_key
    assert OTHER_SECRET not in merchant.webhook_secret


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("secret_key", {"secret_key": "pk_test_public"}),
        ("webhook_secret", {"webhook_secret": "secret"}),
        ("replaces_keys", {"replaces_keys": True}),
    ],
)
def test_a_refusal_names_the_field(sellers, field, fields):
    values = {"secret_key": OTHER_KEY, "webhook_secret": OTHER_SECRET, **fields}
    with pytest.raises(MerchantAccountRefused) as refusal:
        set_merchant_account(seller=sellers[0], **values, at=FEB)
    assert refusal.value.field == field
